//! What values must look like.
//!
//! Podman's generator checks few values; most errors would show only when the service starts. The checks here follow podman-run(1),
//! podman-pod-create(1), podman-network-create(1) and podman-volume-create(1) of 5.4. A value with systemd specifiers (`%h`) or variables
//! (`$HOME`) is known only on the device, so nothing is said about it.

mod address;
mod image;
mod mount;
mod name;
mod network;
mod port;
mod process;
mod quantity;

pub use image::ImageReference;
pub use mount::{MountSpecification, Source, VolumeSpecification};
pub(crate) use name::is_unit_name;
pub use network::NetworkMode;
pub use port::{PortMapping, PortRange, Protocol};
pub use quantity::{duration, parse_size};

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueKind {
    /// Any text.
    Text,
    /// `true`, `yes`, `on`, `1`, or the opposite.
    Boolean,
    /// A boolean or one of these words.
    BooleanOr(&'static [&'static str]),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words, or a path on the device.
    OneOfOrPath(&'static [&'static str]),
    /// A whole number.
    Number {
        /// The smallest.
        minimum: i64,
    },
    /// A duration such as `1m30s`.
    Duration,
    /// A duration or one of these words.
    DurationOr(&'static [&'static str]),
    /// An amount of memory such as `100m`.
    Size,
    /// A path on the device: absolute, or relative to the unit file.
    HostPath,
    /// An absolute path in the container.
    ContainerPath,
    /// The name of an image.
    Image,
    /// The name of an image, of an `.image` or of a `.build` unit.
    ImageOrUnit,
    /// `[[IP:][HOST]:]CONTAINER[/PROTOCOL]`.
    Port,
    /// `PORT[-PORT][/PROTOCOL]`.
    ExposedPorts,
    /// `[SOURCE:]CONTAINER-DIRECTORY[:OPTIONS]`.
    Volume,
    /// `type=TYPE,…`.
    Mount,
    /// `[-]DEVICE[:CONTAINER-DEVICE][:PERMISSIONS]`.
    Device,
    /// A mode of networking, a network or a unit.
    Network,
    /// A `.pod` unit.
    Pod,
    /// An IP address.
    Address,
    /// An IPv4 address.
    Address4,
    /// An IPv6 address.
    Address6,
    /// The address of a DNS server, or `none`.
    NameServer,
    /// `ADDRESS/PREFIX`.
    Subnet,
    /// `ADDRESS/PREFIX` or `FIRST-LAST`.
    AddressRange,
    /// `NAME:ADDRESS`.
    HostEntry,
    /// `CONTAINER-ID:HOST-ID:AMOUNT`.
    IdMapping,
    /// A mode of user namespaces.
    UserNamespace,
    /// `NAME=VALUE`.
    Assignment,
    /// `NAME=VALUE` of a kernel parameter that is separate for each container.
    Sysctl,
    /// A name of a container, pod, volume or network.
    Name,
    /// A name of a service, without `.service`.
    ServiceName,
    /// A capability of Linux, or `all`.
    Capability,
    /// A signal by name or number.
    Signal,
    /// `NAME=SOFT[:HARD]`.
    Ulimit,
    /// `SECRET[,OPTION=VALUE…]`.
    Secret,
    /// `CONTAINER-DIRECTORY[:OPTIONS]`.
    Tmpfs,
    /// `registry` or `local`, perhaps for one container.
    KubeAutoUpdate,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, to go on after the value.
    pub message: String,
    /// What to write.
    pub suggestion: String,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self { message: message.into(), suggestion: suggestion.into() }
    }
}

/// Whether the device fills something in: a systemd specifier or a variable.
#[must_use]
pub fn is_filled_in_later(text: &str) -> bool {
    text.contains(['%', '$'])
}

/// Checks one value, which is not empty.
///
/// # Errors
/// What is wrong with it.
pub fn check(kind: ValueKind, text: &str) -> Result<(), Problem> {
    match kind {
        // Podman's generator reads these itself, before anything could be filled in.
        ValueKind::Boolean => return quantity::boolean(text, &[]),
        ValueKind::BooleanOr(words) => return quantity::boolean(text, words),
        ValueKind::Pod => return name::pod(text),
        ValueKind::ExposedPorts => return port::exposed(text),
        ValueKind::Mount => return MountSpecification::parse(text).map(drop),
        ValueKind::Volume => return VolumeSpecification::parse(text).map(drop),
        _ if is_filled_in_later(text) => return Ok(()),
        _ => {}
    }
    match kind {
        ValueKind::Boolean | ValueKind::BooleanOr(_) | ValueKind::Pod | ValueKind::ExposedPorts => Ok(()),
        ValueKind::Text | ValueKind::Mount | ValueKind::Volume => Ok(()),
        ValueKind::OneOf(words) => name::one_of(text, words),
        ValueKind::OneOfOrPath(words) if words.contains(&text) => Ok(()),
        ValueKind::HostPath | ValueKind::OneOfOrPath(_) => mount::host_path(text),
        ValueKind::Number { minimum } => quantity::number(text, minimum),
        ValueKind::Duration => duration(text).map(drop),
        ValueKind::DurationOr(words) if words.contains(&text) => Ok(()),
        ValueKind::DurationOr(_) => duration(text).map(drop),
        ValueKind::Size => parse_size(text).map(drop),
        ValueKind::ContainerPath => mount::container_path(text),
        ValueKind::Image => ImageReference::parse(text).map(drop),
        ValueKind::ImageOrUnit if text.ends_with(".image") || text.ends_with(".build") => Ok(()),
        ValueKind::ImageOrUnit => ImageReference::parse(text).map(drop),
        ValueKind::Port => PortMapping::parse(text).map(drop),
        ValueKind::Device => mount::device(text),
        ValueKind::Network => NetworkMode::parse(text).map(drop),
        ValueKind::Address => address::any(text),
        ValueKind::Address4 => address::version4(text),
        ValueKind::Address6 => address::version6(text),
        ValueKind::NameServer if text == "none" => Ok(()),
        ValueKind::NameServer => address::any(text),
        ValueKind::Subnet => address::subnet(text),
        ValueKind::AddressRange => address::range(text),
        ValueKind::HostEntry => address::host_entry(text),
        ValueKind::IdMapping => process::id_mapping(text),
        ValueKind::UserNamespace => process::user_namespace(text),
        ValueKind::Assignment => name::assignment(text),
        ValueKind::Sysctl => process::sysctl(text),
        ValueKind::Name => name::name(text),
        ValueKind::ServiceName => name::service_name(text),
        ValueKind::Capability => process::capability(text),
        ValueKind::Signal => process::signal(text),
        ValueKind::Ulimit => process::ulimit(text),
        ValueKind::Secret => name::secret(text),
        ValueKind::Tmpfs => mount::tmpfs(text),
        ValueKind::KubeAutoUpdate => name::one_of(text.rsplit('/').next().unwrap_or(text), &["registry", "local"]),
    }
}
