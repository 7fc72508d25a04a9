//! The collector and HTTP service.
