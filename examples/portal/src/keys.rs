//! The sealing keys: from the environment, or from a file beside the database that the first run makes.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding};
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::entropy::{SystemEntropy, random_bytes};
use mfa_core::port::sealer::{KeyRing, Place as SealedAt, Sealed, Sealer};
use mfa_core::secret::SecretBytes;
use mfa_core::time::Timestamp;
use zeroize::Zeroizing;

use crate::error::{PortalError, StartError};
use crate::place::Place;
use crate::shelf::{Drawer, Ends, Shelf};

/// The ring of sealing keys.
///
/// Keys given in the environment win. Otherwise the file is read; when it isn't there and the database is
/// `fresh`, it is made with a new key, readable by its owner only. A missing file beside a database in use is
/// an error: a new key could open nothing that was sealed before.
///
/// # Errors
/// If others can read the file, it is missing beside a database in use, or holds no usable key.
pub fn ring(from_env: Option<&str>, file: &Path, fresh: bool) -> Result<KeyRing, StartError> {
    if let Some(text) = from_env {
        return Ok(KeyRing::from_hex(text)?);
    }
    if fresh {
        make(file)?;
    }
    read(file)
}

/// How long the key is that session cookies are signed with.
pub const COOKIE_KEY_BYTES: usize = 64;

/// The key that all nodes sign session cookies with, and the proof that this node has the sealing keys of the others:
/// it lies sealed on the shelf, put there by the first node. One that can't open it would make accounts that no other
/// can, and the other way round.
///
/// # Errors
/// [`StartError::OtherKeys`], or if the database fails.
pub async fn of_cookies(ring: &KeyRing, shelf: &Shelf, place: &Place) -> Result<SecretBytes, StartError> {
    const NAME: &str = "cookies";
    const ANY_TIME: Timestamp = Timestamp::from_unix(0);
    let account = AccountKey::of_user(UserId::new("portal").map_err(|_| PortalError::Row("keys"))?);
    let at = SealedAt { account: &account, item: &[0; 16], field: "portal.cookies" };
    let seal = |key: &[u8]| -> Result<String, PortalError> {
        let sealed = ring.seal(&SystemEntropy, at, key)?;
        Ok(Base64UrlUnpadded::encode_string(sealed.as_bytes()))
    };
    let new = SecretBytes::new(
        random_bytes::<COOKIE_KEY_BYTES>(&SystemEntropy).map_err(PortalError::from)?.to_vec(),
    );
    if shelf.put_new(Drawer::KEYS, NAME, &seal(new.expose())?, Ends::Never, ANY_TIME).await? {
        return Ok(new);
    }
    let held = shelf.get(Drawer::KEYS, NAME, ANY_TIME).await?.ok_or(PortalError::Row("keys"))?;
    let bytes = Base64UrlUnpadded::decode_vec(&held.value).map_err(|_| PortalError::Row("keys"))?;
    let sealed = Sealed::from_bytes(bytes);
    let Ok(key) = ring.open(at, &sealed) else {
        return Err(StartError::OtherKeys { place: place.to_string() });
    };
    if !ring.is_current(&sealed) {
        // A rotated key: from now on no node starts that doesn't have it. Another one may be quicker.
        shelf.replace(Drawer::KEYS, NAME, &seal(key.expose())?, Ends::Never, Some(held.version)).await?;
    }
    Ok(key)
}

/// Makes the file with one new key, unless it is there.
fn make(path: &Path) -> Result<(), StartError> {
    let failed = |what: &'static str| {
        let path = path.to_owned();
        move |source| StartError::File { what, path, source }
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(failed("cannot create the folder of the key file"))?;
    }
    // `create_new` neither follows a planted link nor overwrites; the mode holds from the first byte on.
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(failed("cannot create the key file")(error)),
    };
    let key = KeyRing::generate_hex(&SystemEntropy).map_err(PortalError::from)?;
    let text = Zeroizing::new(format!(
        "# Sealing keys of the portal, the newest first. Whoever has them and the database can make codes.\n\
         # Back this file up, but apart from the database. To rotate, put a new line on top (openssl rand -hex 32);\n\
         # with several processes put it at the end in all of them first.\n{}\n",
        key.as_str()
    ));
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed("cannot write the key file"))?;
    // A key must be on the disk before the first secret sealed with it is: the file's name included.
    File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(failed("cannot write the folder of the key file"))
}

fn read(path: &Path) -> Result<KeyRing, StartError> {
    let failed = |source: std::io::Error| {
        if source.kind() == ErrorKind::NotFound {
            StartError::KeyFileGone { path: path.to_owned() }
        } else {
            StartError::File { what: "cannot read the key file", path: path.to_owned(), source }
        }
    };
    let mut file = File::open(path).map_err(failed)?;
    // Asked of the open file, not of the path: what is checked is what is read.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(StartError::KeyFileOpen { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(KeyRing::from_hex(&text)?)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("portal-keys-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_first_run_makes_a_file_only_its_owner_can_read() {
        let file = folder("first").join("deep").join("portal.key");
        let first = ring(None, &file, true).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        let account = AccountKey::of_user(UserId::new("u-1").unwrap());
        let place = SealedAt { account: &account, item: &[1; 16], field: "test" };
        let sealed = first.seal(&SystemEntropy, place, b"secret").unwrap();
        for fresh in [true, false] {
            let again = ring(None, &file, fresh).unwrap();
            assert_eq!(again.open(place, &sealed).unwrap().expose(), b"secret");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let file = folder("open").join("portal.key");
        ring(None, &file, true).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = ring(None, &file, false).err().unwrap();
            assert!(matches!(error, StartError::KeyFileOpen { mode: found, .. } if found == mode));
            assert!(error.to_string().contains("chmod 600"));
        }
    }

    #[test]
    fn a_lost_file_beside_a_database_in_use_is_not_replaced() {
        let file = folder("lost").join("portal.key");
        assert!(matches!(ring(None, &file, false), Err(StartError::KeyFileGone { .. })));
        assert!(!file.exists());
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let folder = folder("link");
        let file = folder.join("portal.key");
        std::os::unix::fs::symlink(folder.join("elsewhere"), &file).unwrap();
        assert!(ring(None, &file, true).is_err());
        assert!(!folder.join("elsewhere").exists());
    }

    #[test]
    fn the_environment_wins() {
        let file = folder("env").join("portal.key");
        let key = KeyRing::generate_hex(&SystemEntropy).unwrap();
        assert!(ring(Some(key.as_str()), &file, true).is_ok());
        assert!(!file.exists());
        assert!(matches!(ring(Some("zz"), &file, true), Err(StartError::Setting(_))));
    }

    #[tokio::test]
    async fn a_node_with_other_keys_does_not_start_and_rotation_goes_behind_before_in_front() {
        let [old, new] = [0, 1].map(|_| KeyRing::generate_hex(&SystemEntropy).unwrap().to_string());
        let (shelf, place) = (Shelf::in_memory().await, Place::Sqlite("x".into()));
        let ring = |text: String| KeyRing::from_hex(&text).unwrap();
        let starts = async |text: String| match of_cookies(&ring(text), &shelf, &place).await {
            Ok(_) => true,
            Err(StartError::OtherKeys { .. }) => false,
            Err(error) => panic!("{error}"),
        };
        assert!(starts(old.clone()).await && starts(old.clone()).await);
        assert!(!starts(new.clone()).await);
        assert!(starts(format!("{old} {new}")).await && starts(old.clone()).await);
        assert!(starts(format!("{new} {old}")).await);
        assert!(!starts(old.clone()).await, "it could not open what the others seal by now");
        assert!(starts(new.clone()).await);
    }
}
