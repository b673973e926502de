//! How a container is connected.

use super::Problem;

/// A value of `Network=`, podman-run(1), `--network`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkMode {
    /// The device's own network: no separation.
    Host,
    /// No network.
    None,
    /// A unit, `.network` or `.container`, by its file name.
    Unit(String),
    /// The network of another container, by its name in Podman.
    Container(String),
    /// A network by its name in Podman.
    Named(String),
    /// A mode that makes a network for this container: `bridge`, `private`, `pasta`, `slirp4netns`.
    Own,
    /// A network namespace of the device.
    Namespace(String),
}

impl NetworkMode {
    /// Reads a mode.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let (name, options) = match text.split_once(':') {
            Some((name, options)) => (name, Some(options)),
            None => (text, None),
        };
        Ok(match (name, options) {
            ("host", None) => Self::Host,
            ("none", None) => Self::None,
            ("host" | "none", Some(_)) => {
                return Err(Problem::new("has options, which this mode does not take", format!("write {name}")));
            }
            ("bridge" | "private" | "pasta" | "slirp4netns", _) => Self::Own,
            ("ns", Some(path)) if path.starts_with('/') => Self::Namespace(path.to_owned()),
            ("container", Some(container)) if !container.is_empty() => Self::Container(container.to_owned()),
            ("ns" | "container", _) => {
                return Err(Problem::new("does not say which", "write ns:/path or container:name"));
            }
            _ if name.ends_with(".container") && options.is_some() => {
                let advice = format!("write {name}");
                return Err(Problem::new("has options, which the network of another container does not take", advice));
            }
            _ if name.ends_with(".network") || name.ends_with(".container") => Self::Unit(name.to_owned()),
            _ => {
                super::name::name(name)?;
                Self::Named(name.to_owned())
            }
        })
    }
}
