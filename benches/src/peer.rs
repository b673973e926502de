//! Building with mkosi, from trixie's tree of tools

use crate::measured::{self, Usage, command};
use crate::repository;
use crate::workplace::{empty, folder};
use anyhow::{Context, ensure};
use package_lock::lockfile::Lockfile;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the bench's folder is within the tools tree, while mkosi runs.
const INSIDE: &str = "/mnt";
/// Makes the tools tree the root of a mount namespace of its own, and runs the rest of its arguments there. mkosi makes further
/// namespaces, which the kernel refuses below chroot(2).
const ENTER: &str = r#"tree=$1 bench=$2 repository=$3; shift 3
mount --bind "$tree" "$tree"
mount --rbind /dev "$tree/dev"
mount --rbind /sys "$tree/sys"
mount -t proc proc "$tree/proc"
mount -t tmpfs tmpfs "$tree/tmp"
mount -t tmpfs tmpfs "$tree/run"
mount --bind "$bench" "$tree/mnt"
mount --bind "$repository" "$tree/srv"
cd "$tree"
pivot_root . .
umount -l .
cd /mnt
exec "$@"
"#;

/// mkosi's builds of the same packages.
#[derive(Debug)]
pub struct Peer {
    folder: PathBuf,
    tools: PathBuf,
    repository: PathBuf,
    packages: String,
}

impl Peer {
    /// Writes the configuration and the directory of packages.
    ///
    /// # Errors
    /// When this is not root, the tools are missing, or packages cannot be had.
    pub fn prepare(packages: &Lockfile) -> anyhow::Result<Self> {
        ensure!(rustix::process::geteuid().is_root(), "mkosi is entered as root here: run this bench as root");
        let tools = std::env::var_os("PICCOLO_TOOLS_TREE").map(PathBuf::from);
        let tools = tools.context("PICCOLO_TOOLS_TREE is not set: run this as cargo xtask bench")?;
        ensure!(tools.join("usr/bin/mkosi").exists(), "{} has no mkosi in it", tools.display());
        let folder = folder("mkosi")?;
        let names: Vec<&str> = packages.packages.iter().map(|package| package.name.as_str()).collect();
        fs::write(folder.join("mkosi.conf"), configuration(&names))?;
        let partitions = folder.join("mkosi.repart");
        empty(&partitions)?;
        for (name, definition) in PARTITIONS {
            fs::write(partitions.join(name), definition)?;
        }
        Ok(Self { folder, tools, repository: repository::prepare(packages)?, packages: packages.to_text() })
    }

    /// The image.
    pub fn image(&self) -> PathBuf {
        self.folder.join("output/peer.raw")
    }

    /// Whether the image is there and made from these packages.
    pub fn is_built(&self) -> bool {
        self.image().exists() && fs::read_to_string(self.made_from()).is_ok_and(|made_from| made_from == self.packages)
    }

    /// The initrd, as mkosi writes it beside the image, in bytes and compressed.
    ///
    /// # Errors
    /// When there is none.
    pub fn initrd_size(&self) -> anyhow::Result<u64> {
        let path = self.folder.join("output/peer.initrd");
        Ok(fs::metadata(&path).with_context(|| format!("looking at {}", path.display()))?.len())
    }

    /// Removes what the last build left. Downloaded packages are in the directory of packages.
    ///
    /// # Errors
    /// When files cannot be removed.
    pub fn forget(&self) -> anyhow::Result<()> {
        ["output", "cache", "packages", "workspace"].iter().try_for_each(|name| empty(&self.folder.join(name)))
    }

    /// Builds and says what that took.
    ///
    /// # Errors
    /// When mkosi fails.
    pub fn build(&self) -> anyhow::Result<Usage> {
        let usage = self
            .run(&["mkosi", "--force", "build"], &self.folder.join("build.log"))
            .context("mkosi, with which ours is compared, did not build its image")?;
        fs::write(self.made_from(), &self.packages)?;
        Ok(usage)
    }

    fn made_from(&self) -> PathBuf {
        self.folder.join("output/made-from.lock.json")
    }

    fn run(&self, program: &[&str], log: &Path) -> anyhow::Result<Usage> {
        let mut unshare = command("unshare")?;
        unshare.args(["--mount", "--propagation", "private", "sh", "-euc", ENTER, "enter"]);
        unshare.args([&self.tools, &self.folder, &self.repository]).args(program);
        unshare.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/root").env("LC_ALL", "C.UTF-8");
        measured::run(&mut unshare, log)
    }
}

/// The same layout as ours: a boot partition and a slot of fixed sizes.
const PARTITIONS: [(&str, &str); 3] = [
    (
        "00-esp.conf",
        "[Partition]\nType=esp\nFormat=vfat\nCopyFiles=/boot:/\nCopyFiles=/efi:/\nSizeMinBytes=1G\nSizeMaxBytes=1G\n",
    ),
    (
        "10-root.conf",
        "[Partition]\nType=root\nFormat=erofs\nCopyFiles=/\nVerity=data\nVerityMatchKey=root\nMinimize=best\n",
    ),
    ("20-verity.conf", "[Partition]\nType=root-verity\nVerity=hash\nVerityMatchKey=root\nMinimize=best\n"),
];

fn configuration(packages: &[&str]) -> String {
    format!(
        "[Distribution]\nDistribution=debian\nRelease=trixie\nArchitecture=x86-64\nLocalMirror=file:///srv\n\
         RepositoryKeyCheck=no\n\n\
         [Output]\nFormat=disk\nImageId=peer\nOutput=peer\nOutputDirectory={INSIDE}/output\nManifestFormat=\n\
         CompressOutput=no\nSplitArtifacts=uki,kernel,initrd\n\n\
         [Content]\nBootable=yes\nBootloader=systemd-boot\nUnifiedKernelImages=yes\nWithDocs=no\nWithRecommends=no\n\
         CleanPackageMetadata=yes\nHostname=peer\n\
         KernelCommandLine=ro\n panic=30\n console=tty0\n console=ttyS0,115200\n\
         Packages={}\n\n\
         [Build]\nBuildSources=\nIncremental=no\nHistory=no\nCacheDirectory={INSIDE}/cache\nPackageCacheDirectory={INSIDE}/packages\n\
         WorkspaceDirectory={INSIDE}/workspace\n\n\
         [Validation]\nSecureBoot=no\nVerity=auto\n",
        packages.join("\n ")
    )
}
