//! Predicts the PCR values that a boot will measure
