//! One VM test file per promise of the product
