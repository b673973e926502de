//! Parts of an image on the real stub. The tools do not look into the kernel and the initrd, so those are any bytes.

use unified_kernel_image::{Profile, UnifiedKernelImage};

use crate::tools_tree::ToolsTree;

pub const STUB: &str = "usr/lib/systemd/boot/efi/linuxx64.efi.stub";
pub const OS_RELEASE: &str = "ID=piccolo\nNAME=\"Piccolo OS\"\nVERSION_ID=1.4.0\n";
pub const COMMAND_LINE: &str = "root=/dev/mapper/root quiet rw=no";
pub const LIVE_COMMAND_LINE: &str = "root=/dev/mapper/root piccolo.live=1";
pub const UNAME: &str = "6.12.117+deb13-amd64";
pub const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n";
pub const SIGNATURE: &str = "{\"sha256\":[{\"pcrs\":[11]}]}";
pub const SBAT_LINE: &str = "piccolo,1,Piccolo OS,piccolo,1.4.0,https://piccolo.example";

/// Contents that must outlive the image that borrows them.
pub struct Sample {
    pub stub: Vec<u8>,
    pub linux: Vec<u8>,
    pub initrd: Vec<u8>,
    pub microcode: Vec<u8>,
}

impl Sample {
    /// Parts with an initrd of `initrd_size` bytes.
    pub fn new(tree: &ToolsTree, initrd_size: usize) -> Self {
        Self {
            stub: tree.read(STUB),
            linux: noise(1, 1_234_567),
            initrd: noise(2, initrd_size),
            microcode: noise(3, 5_121),
        }
    }

    /// An image without profiles, whose PCR signature is in the base.
    pub fn image(&self) -> UnifiedKernelImage<'_> {
        UnifiedKernelImage {
            stub: &self.stub,
            os_release: OS_RELEASE.as_bytes(),
            command_line: COMMAND_LINE,
            device_tree: None,
            uname: Some(UNAME),
            splash: None,
            pcr_public_key: Some(PUBLIC_KEY.as_bytes()),
            linux: &self.linux,
            initrd: Some(&self.initrd),
            microcode: Some(&self.microcode),
            sbat: vec![SBAT_LINE],
            pcr_signature: Some(SIGNATURE.as_bytes()),
            profiles: Vec::new(),
        }
    }

    /// An image with a default profile that changes nothing and one for live media.
    pub fn image_with_profiles(&self) -> UnifiedKernelImage<'_> {
        let normal = Profile { id: "normal", title: None, command_line: None, initrd: None, pcr_signature: None };
        let live = Profile {
            id: "live",
            title: Some("Live, changes nothing"),
            command_line: Some(LIVE_COMMAND_LINE),
            ..normal.clone()
        };
        UnifiedKernelImage { pcr_signature: None, profiles: vec![normal, live], ..self.image() }
    }
}

/// Bytes that do not compress and do not repeat, the same on every run (xorshift64).
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
