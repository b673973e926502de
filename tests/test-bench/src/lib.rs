//! Boots images in virtual machines and looks inside
