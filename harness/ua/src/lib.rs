//! sipfarm, the reference phone: transactions, dialogs, registration, server choice.
