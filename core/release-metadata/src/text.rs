//! Values that JSON writes as text.

/// `Serialize` by `Display` and `Deserialize` by `FromStr`, for types that have both.
macro_rules! written_as_text {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use written_as_text;

/// At most this much of a refused text stands in a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
