//! A publisher with two small releases, and a device whose slots are files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, channel};

use disk_layout::root_hash::RootHash;
use disk_layout::slot::SlotName;
use host::cancel::Cancel;
use image_chunks::difference;
use image_chunks::parallel::Work;
use image_patch::format::Header;
use image_patch::make::{Input, Watch};
use image_patch::source::ReadAt;
use jiff::Timestamp;
use release_metadata::artifact::Artifact;
use release_metadata::digest::Sha256Digest;
use release_metadata::release::Release;
use release_metadata::updates::ReleaseEntry;
use release_metadata::{Architecture, path};
use release_repository::directory::Directory;
use release_repository::keys::{Keys, read_or_make};
use release_repository::repository::{Repository, create};
use release_repository::storage::Watch as StorageWatch;
use seekable_zstd::{Frame, SeekTable};
use serde_json::json;
use sha2::{Digest, Sha256};
use signed_metadata::publish::TOP_LEVEL;
use signed_metadata::signed::Signer;
use tempfile::TempDir;
use update_engine::event::{Event, WriteProblem};
use update_engine::offer::{Offer, OfferedWay, Way};
use update_engine::record::Progress;
use update_schedule::settings::{Settings, Source, SourceAddress};
use update_slots::devices::SlotDevices;
use update_store::chunk_index::ChunkIndexes;
use update_store::resume::ResumeFile;
use verity_tree::digest::Salt;

use crate::device::Device;
use crate::engine::Message;
use crate::paths::Paths;
use crate::settings::{LoadedSettings, Standing};
use crate::work::{Worker, check, write};

/// Size of a root image.
pub const IMAGE: usize = 6 << 20;
/// Size of a frame of the full image.
const FRAME: usize = 1 << 20;

/// The files of a release, and where to begin.
pub struct Publisher {
    directory: TempDir,
    pub old: Images,
    pub new: Images,
    pub release: Release,
}

/// What a release is.
pub struct Images {
    pub root: Vec<u8>,
    pub uki: Vec<u8>,
    pub index: Vec<u8>,
    pub packs: Vec<Vec<u8>>,
}

impl Images {
    fn new(root: Vec<u8>, uki: Vec<u8>) -> Self {
        let mut packs = Vec::new();
        let mut work = Work { threads: 1, progress: &mut |_, _| {}, cancelled: &AtomicBool::new(false) };
        let index = image_chunks::make::make(&root, &mut packs, &mut work).unwrap().to_bytes();
        Self { root, uki, index, packs }
    }

    /// Names the root image: any 32 bytes that follow from it do here.
    pub fn root_hash(&self) -> RootHash {
        RootHash(Sha256::digest(&self.root).into())
    }
}

/// The publisher of all tests: making it takes a moment.
pub fn publisher() -> &'static Publisher {
    static PUBLISHER: OnceLock<Publisher> = OnceLock::new();
    PUBLISHER.get_or_init(Publisher::new)
}

impl Publisher {
    fn new() -> Self {
        let (old, new) = (content(), changed(content()));
        let old_uki = old[..300_000].to_vec();
        let new_uki = [&new[5 << 20..(5 << 20) + 100_000], &old_uki[100_000..], b"the end"].concat();
        let (old, new) = (Images::new(old, old_uki), Images::new(new, new_uki));
        let (release, files) = release(&old, &new);
        let directory = tempfile::tempdir().unwrap();
        publish(directory.path(), &release, &files);
        Self { directory, old, new, release }
    }

    /// The repository, as a copy that a test may change.
    pub fn mirror(&self) -> TempDir {
        let mirror = tempfile::tempdir().unwrap();
        copy_tree(&self.directory.path().join("repository"), mirror.path());
        mirror
    }
}

/// Text that compresses a little and repeats nowhere.
fn content() -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b'a' + (state >> 60) as u8
    };
    (0..IMAGE).map(|_| next()).collect()
}

/// Three changed places, and a part that moved.
fn changed(mut image: Vec<u8>) -> Vec<u8> {
    for (at, byte) in [(100_000, b'!'), (3_000_000, b'?'), (IMAGE - 10, b'.')] {
        image[at..at + 5].fill(byte);
    }
    image[(1 << 20)..(2 << 20)].rotate_left(8192);
    image[4 << 20..(4 << 20) + 8192].fill(0);
    image
}

fn artifact(name: &str, bytes: &[u8]) -> Artifact {
    let sha256 = Sha256Digest(Sha256::digest(bytes).into());
    Artifact { path: name.parse().unwrap(), size: bytes.len() as u64, sha256 }
}

/// The full image in frames that a device can begin at.
fn frames(image: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut sizes = Vec::new();
    for content in image.chunks(FRAME) {
        let frame = zstd::bulk::compress(content, 1).unwrap();
        sizes.push(Frame { compressed: frame.len() as u32, decompressed: content.len() as u32 });
        file.extend(frame);
    }
    file.extend(SeekTable::new(sizes).unwrap().to_bytes());
    file
}

fn patch(sources: &[&dyn ReadAt], output: &dyn ReadAt) -> (Vec<u8>, String) {
    let salt = Salt::new([]).unwrap();
    let watch = Watch { progress: &|_, _| {}, cancelled: &AtomicBool::new(false), threads: 2 };
    let bytes = image_patch::make::make(&Input { sources, output, salt: &salt }, &watch).unwrap();
    let header = Sha256Digest(Sha256::digest(&bytes[..Header::length(&bytes).unwrap()]).into()).to_string();
    (bytes, header)
}

/// The new release, and its files by their names.
fn release(old: &Images, new: &Images) -> (Release, BTreeMap<String, Vec<u8>>) {
    let (root_patch, root_header) = patch(&[&old.root], &new.root);
    let (uki_patch, uki_header) = patch(&[&new.root, &old.uki], &new.uki);
    let (from_root, from_root_header) = patch(&[&new.root], &new.uki);
    let old_index = difference::make(&old.index, &new.index).unwrap();
    let mut files = BTreeMap::from([
        (path::FULL_ROOT.to_owned(), frames(&new.root)),
        (path::FULL_UKI.to_owned(), zstd::bulk::compress(&new.uki, 1).unwrap()),
        (path::UKI_FROM_ROOT.to_owned(), from_root),
        ("from-1.0.0.patch".to_owned(), [root_patch.as_slice(), &uki_patch].concat()),
        ("chunks.idx".to_owned(), new.index.clone()),
        ("chunks-from-1.0.0.idx".to_owned(), old_index),
    ]);
    let packs: Vec<String> = (0..new.packs.len()).map(|number| path::chunk_pack(number).to_string()).collect();
    files.extend(packs.iter().cloned().zip(new.packs.iter().cloned()));
    let named = |name: &str| artifact(name, &files[name]);
    let sha256 = |bytes: &[u8]| Sha256Digest(Sha256::digest(bytes).into()).to_string();
    let json = json!({
        "format": 1, "stream": "stable", "version": "1.1.0", "architecture": "x86-64", "date": "2026-01-01T00:00:00Z",
        "root": {
            "root_hash": new.root_hash(), "size": new.root.len(), "sha256": sha256(&new.root),
            "verity": { "size": 8192, "salt": "00", "uuid": "2c1d7f5a-5f0b-5c4e-9d2a-6b7c8d9e0f10" },
        },
        "uki": { "file_name": "piccolo_1.1.0.efi", "size": new.uki.len(), "sha256": sha256(&new.uki) },
        "measurements": { "pcr": 11, "profiles": [] },
        "needs": {},
        "full": {
            "root": named(path::FULL_ROOT), "uki": named(path::FULL_UKI),
            "uki_from_root": { "file": named(path::UKI_FROM_ROOT), "header": from_root_header },
        },
        "patches": [{
            "from": { "version": "1.0.0", "root_hash": old.root_hash(), "uki_sha256": sha256(&old.uki) },
            "file": named("from-1.0.0.patch"), "root_size": root_patch.len(), "uki_size": uki_patch.len(),
            "root_header": root_header, "uki_header": uki_header, "memory": 1 << 20,
        }],
        "chunks": {
            "index": named("chunks.idx"),
            "index_differences": [{ "from": "1.0.0", "from_sha256": sha256(&old.index), "file": named("chunks-from-1.0.0.idx") }],
            "packs": packs.iter().map(|pack| named(pack)).collect::<Vec<_>>(),
            "memory": 1 << 20,
        },
    });
    (Release::parse(&json.to_string()).unwrap(), files)
}

fn publish(place: &Path, release: &Release, files: &BTreeMap<String, Vec<u8>>) {
    let keys_at = place.join("keys");
    fs::create_dir(&keys_at).unwrap();
    let key = |role: &str| read_or_make(&keys_at, role).unwrap().key().clone();
    let top_level = TOP_LEVEL.into_iter().map(|role| (role, key(role))).collect();
    let streams = BTreeMap::from([(release.stream.clone(), key("stable"))]);
    let keys = Keys::read(std::slice::from_ref(&keys_at)).unwrap();
    let storage = || Directory::open(&place.join("repository")).unwrap();
    let root = create(&storage(), &top_level, &streams, &keys.keyring(), Timestamp::now()).unwrap();
    let repository = Repository::open(Box::new(storage()), &root, &place.join("seen")).unwrap();
    for artifact in release.artifacts() {
        let from = place.join("file");
        fs::write(&from, &files[artifact.path.as_str()]).unwrap();
        let mut watch = StorageWatch { progress: &mut |_, _| {}, cancel: &Cancel::new() };
        repository.put_artifact(release, artifact, &from, &mut watch).unwrap();
    }
    let mut updates = repository.updates(&release.stream).unwrap();
    updates.releases.push(ReleaseEntry {
        version: release.version,
        date: release.date,
        architectures: vec![release.architecture],
        rollout: None,
        barrier: None,
        dead_end: None,
        withdrawn: None,
    });
    let mut edit = repository.edit();
    edit.set_release(release).unwrap();
    edit.set_updates(&updates).unwrap();
    repository.commit(edit, &keys.keyring(), Timestamp::now()).unwrap();
    fs::write(place.join("repository/root.json"), root).unwrap();
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A device that runs the old release from slot A.
pub struct TestDevice {
    pub directory: TempDir,
    pub worker: Worker,
    messages: Receiver<Message>,
}

/// What writing an image came to.
pub struct Done {
    pub result: Result<(), WriteProblem>,
    /// What was told last.
    pub progress: Progress,
    /// Places of the active slot that were found damaged.
    pub damaged_places: u32,
}

impl TestDevice {
    /// With this repository.
    pub fn new(repository: &Path) -> Self {
        let publisher = publisher();
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        fs::create_dir_all(place("dev/by-partlabel")).unwrap();
        fs::create_dir_all(place("efi/EFI/Linux")).unwrap();
        fs::create_dir(place("state")).unwrap();
        fs::write(place("active"), &publisher.old.root).unwrap();
        // Whatever was in the slot before, and a little room behind.
        fs::write(place("dev/by-partlabel/root-b"), vec![0x55; IMAGE + (1 << 20)]).unwrap();
        fs::write(place("efi/EFI/Linux/piccolo_1.0.0.efi"), &publisher.old.uki).unwrap();
        let address = SourceAddress::new(repository.to_str().unwrap()).unwrap();
        let settings =
            Settings { source: Source { address: Some(address), ..Source::default() }, ..Settings::default() };
        let (mailbox, messages) = channel();
        let worker = Worker {
            paths: Paths {
                state: place("state"),
                socket: place("socket"),
                status: place("status.json"),
                media: place("media"),
                trust_anchor: repository.join("root.json"),
                slots: SlotDevices::at(&place("dev"), &place("efi"), &place("active")),
            },
            device: Device {
                version: "1.0.0".parse().unwrap(),
                root_hash: publisher.old.root_hash(),
                active: SlotName::A,
                architecture: Architecture::X86_64,
                stream: "stable".parse().unwrap(),
                machine_id: "0123456789abcdef0123456789abcdef".to_owned(),
            },
            settings: LoadedSettings { settings, problems: Vec::new(), standing: Standing::Written },
            cancel: Cancel::new(),
            mailbox,
        };
        Self { directory, worker, messages }
    }

    /// Writes the new image this way.
    pub fn write(&self, way: Way) -> Done {
        let release = &publisher().release;
        let offer = Offer {
            version: release.version,
            root_hash: release.root.root_hash,
            image_bytes: release.root.size,
            ways: vec![OfferedWay { way, download_bytes: 0 }],
            medium: None,
        };
        let result = write::write(&self.worker, 1, &offer, way);
        let mut done = Done { result, progress: Progress::default(), damaged_places: 0 };
        for message in self.messages.try_iter() {
            match message {
                Message::Event(Event::Progressed { progress, .. }) => done.progress = progress,
                Message::Event(Event::SlotDamaged { places, .. }) => done.damaged_places = places,
                other => panic!("{other:?}"),
            }
        }
        done
    }

    /// The power was cut when so many bytes of the image were on the disk, whichever way they came. Behind them stands anything.
    pub fn was_cut_at(&self, position: usize) {
        let publisher = publisher();
        let mut slot = vec![0xAA; IMAGE + (1 << 20)];
        slot[..position].copy_from_slice(&publisher.new.root[..position]);
        fs::write(self.slot(), slot).unwrap();
        ResumeFile::below(&self.worker.paths.state).keep(publisher.new.root_hash(), position as u64).unwrap();
    }

    /// What keeps the index of the release that runs.
    pub fn keep_running_index(&self) {
        let indexes = ChunkIndexes::below(&self.worker.paths.state);
        indexes.keep(publisher().old.root_hash(), &publisher().old.index).unwrap();
    }

    /// Both images are in their places, exactly.
    pub fn has_the_new_images(&self) -> bool {
        let new = &publisher().new;
        let uki = self.directory.path().join("efi/EFI/Linux");
        let found = fs::read_dir(uki).unwrap().any(|entry| fs::read(entry.unwrap().path()).unwrap() == new.uki);
        found && fs::read(self.slot()).unwrap()[..IMAGE] == new.root
    }

    /// The ways on offer, with their sizes.
    pub fn offered(&self) -> Vec<OfferedWay> {
        match check::check(&self.worker, Some(publisher().release.version), None).unwrap() {
            update_engine::event::Found::Offer(offer) => offer.ways,
            other => panic!("{other:?}"),
        }
    }

    fn slot(&self) -> PathBuf {
        self.worker.paths.slots.root(SlotName::B)
    }
}
