//! Tests of the mqtt part.
