//! Which images are made, and how large their partitions are.

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::collection::Set;
use crate::origin::{Located, Origin};
use crate::shape::{ScalarValue, record, word};
use crate::size::Size;
use crate::yaml::Scalar;

record! {
    /// Which images are made.
    pub struct Image {
        /// The formats to write.
        formats: Set<ImageFormat> = "[raw]",
        /// How large partitions are.
        sizes: ImageSizes,
    }
}

word! {
    /// A format of an image.
    expected "raw"
    pub enum ImageFormat {
        /// The bytes of a disk, sparse.
        Raw = "raw",
    }
}

record! {
    /// How large partitions are: multiples of 1 MiB. They cannot change on a device that exists.
    pub struct ImageSizes {
        /// The EFI system partition, with the boot loader and the kernels of both slots.
        esp: Located<Size> = "1GiB",
        /// Each of the two root partitions.
        root: Located<Size> = "3GiB",
        /// Each of the two verity partitions. `auto`: what a full root partition needs.
        verity: Located<VeritySize> = "auto",
        /// The least space that must be left for `var` on a device's disk.
        var_minimum: Located<Size> = "1GiB",
    }
}

/// How large a verity partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VeritySize {
    /// What a full root partition needs.
    Auto,
    /// This.
    Fixed(Size),
}

impl Serialize for VeritySize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Fixed(size) => size.serialize(serializer),
        }
    }
}

impl ScalarValue for VeritySize {
    const EXPECTED: &'static str = "auto, or a size such as 32MiB";

    fn parse(scalar: &Scalar, _: &Origin) -> Result<Self, String> {
        if scalar.text == "auto" {
            return Ok(Self::Auto);
        }
        Size::new(&scalar.text).map(Self::Fixed).map_err(|reason| format!("{reason}; or write `auto`"))
    }

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [{ "const": "auto" }, Size::schema()] })
    }
}
