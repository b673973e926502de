//! The recipe language: parsing, layering, validation and its JSON schema
