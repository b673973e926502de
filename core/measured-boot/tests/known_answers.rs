//! The values that systemd's own test of systemd-measure expects (`test/units/TEST-70-TPM2.measure.sh`).

use measured_boot::{Bank, BootImage, Pcr, PcrIndex};
use unified_kernel_image::{Section, SectionName};

const LINUX: &[u8] = b"HALLO\n";
const INITRD: &[u8] = b"foobar\n";

/// Bank, PCR 11 when the kernel starts, PCR 11 after a phase `foo`.
const EXPECTED: [(Bank, &str, &str); 4] = [
    (Bank::Sha1, "5177e4ad69db92192c10e5f80402bf81bfec8a81", "6765ee305db063040c454d32697d922b3d4f232b"),
    (
        Bank::Sha256,
        "37b48bd0b222394dbe3cceff2fca4660c4b0a90ae9369ec90b42f14489989c13",
        "21c49c1242042649e09c156546fd7d425ccc3c67359f840507b30be4e0f6f699",
    ),
    (
        Bank::Sha384,
        "5573f9b2caf55b1d0a6a701f890662d682af961899f0419cf1e2d5ea4a6a68c1f25bd4f5b8a0865eeee82af90f5cb087",
        "08d0b003a134878eee552070d51d58abe942f457ca85704131dd36f73728e7327ca837594bc9d5ac7de818d02a3d5dd2",
    ),
    (
        Bank::Sha512,
        "961305d7e9981d6606d1ce97b3a9a1f92610cac033e9c39064895f0e306abc1680463d55767bd98e751eae115bdef3675a9ee1d29ed37da7885b1db45bb2555b",
        "65120f6ebc04b156421c6f3d543b2fad545363d9ca61c514205459e9c0e0b22e09c23605eae5853e38458ef3ca54e087168af8d8a882a98d220d9391e48be6d0",
    ),
];

#[test]
fn linux_and_initrd_measure_as_systemd_expects_in_every_bank() {
    // The other way round than they are measured: the order of the file does not matter.
    let sections = [Section::borrowed(SectionName::Initrd, INITRD), Section::borrowed(SectionName::Linux, LINUX)];
    let image = BootImage::new(&sections);
    for (bank, at_start, after_foo) in EXPECTED {
        let mut pcr = image.kernel_boot_pcr(0, bank).unwrap();
        assert_eq!(pcr.index(), PcrIndex::KERNEL_BOOT);
        assert_eq!(pcr.value().to_string(), at_start, "{bank}");
        pcr.measure(b"foo");
        assert_eq!(pcr.value().to_string(), after_foo, "{bank}");
    }
}

#[test]
fn a_digest_of_another_bank_extends_nothing() {
    let mut pcr = Pcr::reset(PcrIndex::KERNEL_BOOT, Bank::Sha256);
    let before = pcr;
    assert!(pcr.extend(&Bank::Sha1.hash(b"x")).is_err());
    assert_eq!(pcr, before);
}
