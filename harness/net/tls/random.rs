//! The randomness and the arithmetic of TLS. Everything is drawn from a seed, so that the same seed
//! gives the same octets on the wire, and a capture that holds the secrets can be made again. For a
//! laboratory only: whoever knows the seed knows the keys.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup, ring,
};
use rustls::{Error, NamedGroup, PeerMisbehaved};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

thread_local! {
    /// The source of whoever is at work on this thread; rustls asks for none by name.
    static SOURCE: RefCell<fastrand::Rng> = const { RefCell::new(fastrand::Rng::with_seed(0)) };
}

/// Does some work of rustls with that source of randomness.
pub(super) fn drawing_from<T>(source: &mut fastrand::Rng, work: impl FnOnce() -> T) -> T {
    let swap = |source: &mut fastrand::Rng| SOURCE.with_borrow_mut(|mine| std::mem::swap(mine, source));
    swap(source);
    let done = work();
    swap(source);
    done
}

/// TLS 1.3 with the one cipher suite that every implementation has to have (RFC 8446 section 9.1).
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![&Curve],
        secure_random: &Seeded,
        ..ring::default_provider()
    })
}

#[derive(Debug)]
struct Seeded;

impl SecureRandom for Seeded {
    fn fill(&self, octets: &mut [u8]) -> Result<(), GetRandomFailed> {
        SOURCE.with_borrow_mut(|source| source.fill(octets));
        Ok(())
    }
}

/// X25519 (RFC 7748) with keys from the seed.
#[derive(Debug)]
struct Curve;

impl SupportedKxGroup for Curve {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut secret = [0; 32];
        Seeded.fill(&mut secret)?;
        Ok(Box::new(Exchange { secret, public: x25519(secret, X25519_BASEPOINT_BYTES) }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

struct Exchange {
    secret: [u8; 32],
    public: [u8; 32],
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let invalid = || Error::from(PeerMisbehaved::InvalidKeyShare);
        let shared = x25519(self.secret, peer.try_into().map_err(|_| invalid())?);
        // RFC 8446 section 7.4.2: all zeros say that the peer's point is none.
        if shared == [0; 32] {
            return Err(invalid());
        }
        Ok(SharedSecret::from(shared.as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}
