//! The built image as the field's own tools see it
