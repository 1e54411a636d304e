//! filtering
