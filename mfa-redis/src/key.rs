//! Names of keys: everything of one tenant in one cluster slot, and no name that can pass for another.

use mfa_core::config::ConfigError;
use mfa_core::id::TenantId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const MAX_PREFIX_BYTES: usize = 64;

/// Neither `}` nor `:` is in it, so that a tenant's name can't end the tag or pass for a longer prefix.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// What the name of every key begins with.
#[derive(Clone, Debug)]
pub(crate) struct Prefix(String);

impl Prefix {
    pub(crate) fn new(prefix: String) -> Result<Self, ConfigError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if prefix.is_empty() || prefix.len() > MAX_PREFIX_BYTES || !prefix.bytes().all(plain) {
            return Err(ConfigError::new(
                "prefix",
                "it is empty, longer than 64 bytes or has other characters than letters, digits and -_.:",
                "give a short name such as \"mfa\"",
            ));
        }
        Ok(Self(prefix))
    }

    pub(crate) fn keys(&self, tenant: &TenantId) -> Keys {
        let Self(prefix) = self;
        // Redis Cluster hashes what is between the first braces only.
        Keys { tag: format!("{{{prefix}:{}}}", utf8_percent_encode(tenant.as_str(), ENCODED)) }
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self("mfa".to_owned())
    }
}

/// The keys of one tenant.
pub(crate) struct Keys {
    tag: String,
}

impl Keys {
    fn key(&self, of: &str) -> Vec<u8> {
        format!("{}:{of}", self.tag).into_bytes()
    }

    /// A hash with everything in it: records, events by place, and two counts.
    pub(crate) fn data(&self) -> Vec<u8> {
        self.key("data")
    }

    /// A sorted set of the fields that are records, in the order of their bytes.
    pub(crate) fn names(&self) -> Vec<u8> {
        self.key("names")
    }

    /// What every script takes.
    pub(crate) fn both(&self) -> [Vec<u8>; 2] {
        [self.data(), self.names()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(prefix: &str, tenant: &str) -> String {
        let keys = Prefix::new(prefix.to_owned()).unwrap().keys(&TenantId::new(tenant).unwrap());
        String::from_utf8(keys.data()).unwrap()
    }

    #[test]
    fn the_tag_holds_the_whole_tenant_and_nothing_else() {
        assert_eq!(data("mfa", "default"), "{mfa:default}:data");
        assert_eq!(data("mfa", "a}b{:c%3A é"), "{mfa:a%7Db%7B%3Ac%253A%20%C3%A9}:data");
    }

    #[test]
    fn no_tenant_passes_for_another_or_for_a_prefix() {
        assert_ne!(data("mfa", "x:y"), data("mfa:x", "y"));
        assert_ne!(data("mfa", "A"), data("mfa", "a"));
        assert_ne!(data("mfa", "%3A"), data("mfa", ":"));
        assert_ne!(data("mfa", "a}:data"), data("mfa", "a"));
    }

    #[test]
    fn a_prefix_that_could_end_the_tag_is_refused() {
        for prefix in ["", "a}", "{", "a b", "é", &"x".repeat(65)] {
            assert!(Prefix::new(prefix.to_owned()).is_err(), "{prefix:?}");
        }
    }
}
