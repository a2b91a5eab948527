//! Who signs values and whom they are encrypted for.
//!
//! A signature is RSA PKCS#1 v1.5 with SHA-512 over the encoded [`Body`]. What is encrypted is the
//! body with its signature: by the receiver's RSA key alone (PKCS#1 v1.5) if it fits one block,
//! else by AES-256-GCM under a fresh key, of which the block says the key:
//! `RSA(key) || nonce (12) || ciphertext || tag (16)`.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use bytes::Bytes;
use natbed_units::SimRng;
use rand_core::{Infallible, Rng, TryCryptoRng, TryRng};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey};
use rsa::traits::PublicKeyParts;
use rsa::{PrivateKey, PublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use thiserror::Error;

use crate::id::Id;
use crate::value::{Body, Data, Owner};

/// Bytes of a key of AES-256.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce of GCM.
const NONCE_BYTES: usize = 12;
/// What PKCS#1 v1.5 takes of a block for itself.
const PADDING_BYTES: usize = 11;

/// Why a value could not be signed, verified, encrypted or decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// The bytes are no RSA key in the form asked for.
    #[error("this is no RSA key")]
    NotAKey,
    /// The value is not signed.
    #[error("the value is not signed")]
    NotSigned,
    /// The signature is not of the value's owner, or of another content.
    #[error("the signature is wrong")]
    WrongSignature,
    /// The value is for somebody else.
    #[error("the value is for somebody else")]
    NotForUs,
    /// It is not encrypted with the key, or was changed.
    #[error("it cannot be decrypted")]
    NotDecrypted,
    /// What was decrypted is no value.
    #[error("what was decrypted is no value")]
    NoValue,
    /// The key is too short to sign or to encrypt with.
    #[error("the key is too short")]
    KeyTooShort,
}

/// A public key, and its identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicIdentity {
    key: PublicKey,
    der: Bytes,
}

impl PublicIdentity {
    /// Makes it of a DER SubjectPublicKeyInfo, as a value's owner has it.
    ///
    /// # Errors
    ///
    /// [`IdentityError::NotAKey`] for anything else.
    pub fn from_der(der: &Bytes) -> Result<Self, IdentityError> {
        let key = PublicKey::from_public_key_der(der).map_err(|_| IdentityError::NotAKey)?;
        Ok(Self { key, der: der.clone() })
    }

    /// Returns the DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn der(&self) -> &Bytes {
        &self.der
    }

    /// Returns the key identifier: SHA-1 of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::hash(&self.der)
    }

    /// Returns the long key identifier: SHA-256 of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn long_id(&self) -> [u8; 32] {
        Sha256::digest(&self.der).into()
    }

    /// Encrypts a body with its signature, so that only the key's owner can read it.
    ///
    /// # Errors
    ///
    /// [`IdentityError::KeyTooShort`] for a key of less than 352 bits.
    pub fn encrypt(&self, open: &Bytes, rng: &mut SimRng) -> Result<Data, IdentityError> {
        if open.len() + PADDING_BYTES <= self.key.size() {
            return Ok(Data::Encrypted(self.encrypt_block(open, rng)?.into()));
        }
        let (mut key, mut nonce) = ([0; KEY_BYTES], [0; NONCE_BYTES]);
        rng.fill_bytes(&mut key);
        rng.fill_bytes(&mut nonce);
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(key));
        let sealed = cipher.encrypt(&Nonce::from(nonce), &open[..]);
        let mut bytes = self.encrypt_block(&key, rng)?;
        bytes.extend(nonce);
        bytes.extend(sealed.map_err(|_| IdentityError::KeyTooShort)?);
        Ok(Data::Encrypted(bytes.into()))
    }

    fn encrypt_block(&self, bytes: &[u8], rng: &mut SimRng) -> Result<Vec<u8>, IdentityError> {
        let encrypted = self.key.pkcs1v15_encrypt_with_rng(&mut Seeded(rng), bytes);
        encrypted.map_err(|_| IdentityError::KeyTooShort)
    }
}

/// A private key: whoever has it can sign as its owner and read what is for it.
pub struct Identity {
    key: PrivateKey,
    public: PublicIdentity,
}

impl Identity {
    /// Makes it of a private key in PKCS#8 DER.
    ///
    /// # Errors
    ///
    /// [`IdentityError::NotAKey`] for anything else.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, IdentityError> {
        let key = PrivateKey::from_pkcs8_der(der).map_err(|_| IdentityError::NotAKey)?;
        let public = key.to_public_key();
        let der = public.to_public_key_der().map_err(|_| IdentityError::NotAKey)?;
        let public = PublicIdentity { key: public, der: Bytes::from(der.into_vec()) };
        Ok(Self { key, public })
    }

    /// Returns the public half.
    #[must_use]
    pub fn public(&self) -> &PublicIdentity {
        &self.public
    }

    /// Signs a body as its owner; `to` says whom it is for, if it is not for everybody.
    ///
    /// # Errors
    ///
    /// [`IdentityError::KeyTooShort`] for a key of less than 752 bits.
    pub fn sign(
        &self,
        mut body: Body,
        sequence: u16,
        to: Option<Id>,
    ) -> Result<Data, IdentityError> {
        body.owner = Some(Owner { sequence, key: self.public.der.clone(), to });
        let signature = self.key.pkcs1v15_sign::<Sha512>(&body.encode());
        let signature = signature.map_err(|_| IdentityError::KeyTooShort)?.into();
        Ok(Data::Open { body, signature })
    }

    /// Decrypts what is for this key, and verifies that its owner has signed it and meant this key.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] says which of these is not so.
    pub fn decrypt(&self, encrypted: &[u8]) -> Result<Body, IdentityError> {
        let open = self.open(encrypted)?;
        let data = Data::decode_open(&open).map_err(|_| IdentityError::NoValue)?;
        data.verify()?;
        let Data::Open { body, .. } = data else { return Err(IdentityError::NoValue) };
        if body.owner.as_ref().and_then(|owner| owner.to) == Some(self.public.id()) {
            Ok(body)
        } else {
            Err(IdentityError::NotForUs)
        }
    }

    fn open(&self, encrypted: &[u8]) -> Result<Bytes, IdentityError> {
        let wrong = IdentityError::NotDecrypted;
        let (block, rest) = encrypted.split_at_checked(self.key.size()).ok_or(wrong)?;
        let block = self.key.pkcs1v15_decrypt(block).map_err(|_| wrong)?;
        if rest.is_empty() {
            return Ok(block.into());
        }
        let key: [u8; KEY_BYTES] = block.try_into().map_err(|_| wrong)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(wrong)?;
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(key));
        let open = cipher.decrypt(&Nonce::from(*nonce), sealed);
        open.map(Bytes::from).map_err(|_| wrong)
    }
}

impl Data {
    /// Verifies that the owner has signed the value, and returns whose it is.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] for what is not signed, or not by its owner.
    pub fn verify(&self) -> Result<PublicIdentity, IdentityError> {
        let Self::Open { body, signature } = self else { return Err(IdentityError::NotSigned) };
        let Some(owner) = body.owner.as_ref().filter(|_| !signature.is_empty()) else {
            return Err(IdentityError::NotSigned);
        };
        let identity = PublicIdentity::from_der(&owner.key)?;
        let verified = identity.key.pkcs1v15_verify::<Sha512>(&body.encode(), signature);
        verified.map(|()| identity).map_err(|_| IdentityError::WrongSignature)
    }
}

impl Id {
    /// Returns the identifier of some bytes: their SHA-1, which OpenDHT calls `InfoHash::get`.
    #[must_use]
    pub fn hash(bytes: &[u8]) -> Self {
        Self::new(Sha1::digest(bytes).into())
    }
}

/// The seeded generator where one is asked for that cannot be guessed: nothing here is secret, and
/// a run is to be the same every time.
struct Seeded<'a>(&'a mut SimRng);

impl TryRng for Seeded<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Seeded<'_> {}

#[cfg(test)]
mod tests;
