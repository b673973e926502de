//! The seven kinds of Quadlet units.

use std::fmt::{self, Display, Formatter};

/// A kind of unit; the extension of its file says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitKind {
    /// A container that runs as a service.
    Container,
    /// Containers that share a network and start and stop together.
    Pod,
    /// A named volume.
    Volume,
    /// A network of containers.
    Network,
    /// An image that is pulled before it is used.
    Image,
    /// An image that is built on the device.
    Build,
    /// Kubernetes YAML that is played.
    Kube,
}

impl UnitKind {
    /// All kinds, in the order of the manual page's synopsis.
    pub const ALL: [Self; 7] =
        [Self::Container, Self::Volume, Self::Network, Self::Kube, Self::Image, Self::Build, Self::Pod];

    /// The extension of files of this kind, without the dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Pod => "pod",
            Self::Volume => "volume",
            Self::Network => "network",
            Self::Image => "image",
            Self::Build => "build",
            Self::Kube => "kube",
        }
    }

    /// The section that Podman reads in files of this kind.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Container => "Container",
            Self::Pod => "Pod",
            Self::Volume => "Volume",
            Self::Network => "Network",
            Self::Image => "Image",
            Self::Build => "Build",
            Self::Kube => "Kube",
        }
    }

    /// What stands between the name of the unit and `.service` in the name of its service.
    #[must_use]
    pub const fn service_suffix(self) -> &'static str {
        match self {
            Self::Container | Self::Kube => "",
            Self::Pod => "-pod",
            Self::Volume => "-volume",
            Self::Network => "-network",
            Self::Image => "-image",
            Self::Build => "-build",
        }
    }

    /// The kind of the unit in a file of this name; none where the extension is not one of Quadlet's.
    #[must_use]
    pub fn of_file(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        Self::ALL.into_iter().find(|kind| kind.extension() == extension)
    }
}

impl Display for UnitKind {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.extension())
    }
}
