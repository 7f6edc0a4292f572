//! The fake side: nodes, far ends, faults.
