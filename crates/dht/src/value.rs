//! Values: what is stored under a key.

use bytes::Bytes;

use crate::id::Id;

/// A value with its identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// By which it is told from others under the same key; zero is none.
    pub id: u64,
    /// What it is.
    pub data: Data,
    /// How urgent it is, for push notifications; zero is ordinary.
    pub priority: u32,
    /// The kind of push notification it asks for; empty for none.
    pub push_type: Bytes,
}

impl Value {
    /// Returns who signed it; nobody is known to have signed what is encrypted.
    #[must_use]
    pub fn owner(&self) -> Option<&Owner> {
        match &self.data {
            Data::Open { body, .. } => body.owner.as_ref(),
            Data::Encrypted(_) => None,
        }
    }
}

/// The content of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Encrypted for one receiver, who alone knows what it is.
    Encrypted(Bytes),
    /// In the open, and perhaps signed.
    Open {
        /// The content.
        body: Body,
        /// The owner's signature of the encoded body: RSA PKCS#1 v1.5 with SHA-512; empty for none.
        signature: Bytes,
    },
}

/// What a value says, and who says it to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Who signed it, if anybody did.
    pub owner: Option<Owner>,
    /// What kind it is, on which its lifetime depends.
    pub kind: u16,
    /// The user's bytes.
    pub data: Bytes,
    /// The user's name for the kind; empty for none.
    pub user_type: Bytes,
}

/// Who signed a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Number of the edition: a later one replaces an earlier one.
    pub sequence: u16,
    /// The public key, a DER SubjectPublicKeyInfo.
    pub key: Bytes,
    /// The key identifier of whom it is for.
    pub to: Option<Id>,
}
