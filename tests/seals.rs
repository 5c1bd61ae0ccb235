//! What seals promise: the same bytes back, and nothing else.
#![cfg(all(feature = "compression", feature = "encryption"))]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_refcache::backend::seal::{Compressed, Encrypted, Key, KeyId, Keyring, Seal, Then};
use mcp_refcache::{Error, ErrorKind};
use proptest::prelude::*;
use rstest::rstest;

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn key() -> Key {
    Key::parse(HEX).unwrap()
}

fn encrypted() -> Encrypted {
    Encrypted::new(key())
}

fn both() -> Then<Compressed, Encrypted> {
    Then(Compressed, encrypted())
}

fn seals() -> Vec<Box<dyn Seal>> {
    vec![
        Box::new(Compressed),
        Box::new(encrypted()),
        Box::new(both()),
    ]
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

fn refused(outcome: Result<Vec<u8>, Error>, part_of_message: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Backend, "{error}");
    assert!(error.to_string().contains(part_of_message), "{error}");
}

proptest! {
    #[test]
    fn what_was_sealed_opens_to_the_same_bytes(plain: Vec<u8>, repeated in 1..50_usize, label: Vec<u8>) {
        let plain = plain.repeat(repeated);
        for seal in seals() {
            let sealed = seal.seal(&plain, &label).unwrap();
            prop_assert!(sealed.len() <= plain.len() + seal.overhead());
            prop_assert_eq!(&seal.open(&sealed, &label, plain.len()).unwrap(), &plain);
        }
    }

    #[test]
    fn any_changed_bit_is_noticed_by_encryption(plain: Vec<u8>, label: Vec<u8>, place: prop::sample::Index, bit in 0..8) {
        let mut sealed = encrypted().seal(&plain, &label).unwrap();
        let place = place.index(sealed.len());
        sealed[place] ^= 1_u8 << bit;
        let error = encrypted().open(&sealed, &label, usize::MAX).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::Backend);
    }

    #[test]
    fn a_cut_value_is_noticed_by_encryption(plain: Vec<u8>, place: prop::sample::Index) {
        let sealed = encrypted().seal(&plain, b"a").unwrap();
        let cut = &sealed[..place.index(sealed.len())];
        prop_assert!(encrypted().open(cut, b"a", usize::MAX).is_err());
    }

    #[test]
    fn an_encrypted_value_opens_under_its_own_label_only(plain: Vec<u8>, own: Vec<u8>, other: Vec<u8>) {
        prop_assume!(own != other);
        let sealed = both().seal(&plain, &own).unwrap();
        prop_assert!(both().open(&sealed, &other, plain.len()).is_err());
    }

    #[test]
    fn foreign_bytes_are_an_error_and_take_no_more_memory_than_allowed(bytes: Vec<u8>, most in 0..1_000_usize) {
        for seal in seals() {
            if let Ok(plain) = seal.open(&bytes, b"", most) {
                prop_assert!(plain.len() <= most);
            }
        }
    }
}

#[test]
fn a_swapped_part_says_that_it_belongs_to_another_entry() {
    let sealed = encrypted().seal(b"salary", b"c:1#0").unwrap();
    refused(
        encrypted().open(&sealed, b"c:2#0", 6),
        "was changed or belongs to another entry",
    );
}

#[test]
fn the_key_id_in_a_sealed_value_cannot_be_exchanged() {
    let keyring = Keyring::new(key());
    let other = Key::generate().unwrap();
    keyring.add_older(other.clone()).unwrap();
    let sealed = Encrypted::new(keyring.clone())
        .seal(b"salary", b"a")
        .unwrap();
    let foreign = Encrypted::new(other).seal(b"salary", b"a").unwrap();
    let mixed = [&foreign[..5], &sealed[5..]].concat();
    refused(Encrypted::new(keyring).open(&mixed, b"a", 6), "was changed");
}

#[test]
fn the_same_value_is_never_sealed_alike_twice() {
    let (first, second) = (
        encrypted().seal(b"42", b"a").unwrap(),
        encrypted().seal(b"42", b"a").unwrap(),
    );
    assert_ne!(first, second);
    assert!(!first.windows(2).any(|pair| pair == b"42"));
}

#[test]
fn bytes_that_do_not_get_smaller_are_stored_as_they_are() {
    let plain = noise(5_000);
    let stored = Compressed.seal(&plain, b"").unwrap();
    assert_eq!(stored.len(), plain.len() + 1);
    assert_eq!(&stored[1..], plain);
}

#[test]
fn a_compressed_value_that_is_cut_or_changed_is_an_error_or_of_the_allowed_length() {
    let plain = br#"{"id": 1, "name": "x"}, "#.repeat(100);
    let stored = Compressed.seal(&plain, b"").unwrap();
    for len in 0..stored.len() {
        assert!(Compressed.open(&stored[..len], b"", plain.len()).is_err());
    }
    for place in 0..stored.len() {
        let mut changed = stored.clone();
        changed[place] ^= 0x55;
        if let Ok(opened) = Compressed.open(&changed, b"", plain.len()) {
            assert!(opened.len() <= plain.len());
        }
    }
}

#[test]
fn a_bomb_is_refused_before_it_unpacks() {
    let bomb = Compressed.seal(&vec![0; 256 << 20], b"").unwrap();
    assert!(bomb.len() < 64 << 10);
    refused(
        Compressed.open(&bomb, b"", 64 << 10),
        "longer than its entry says",
    );
    let sealed = encrypted().seal(&bomb, b"").unwrap();
    refused(
        both().open(&sealed, b"", 64 << 10),
        "longer than its entry says",
    );
}

#[test]
fn a_bomb_that_lies_about_its_length_is_refused() {
    // two frames: the first is small and true, the second is not spoken of
    let mut twice = Compressed.seal(&[0; 1000], b"").unwrap();
    let second = Compressed.seal(&vec![0; 64 << 20], b"").unwrap();
    twice.extend_from_slice(&second[1..]);
    refused(Compressed.open(&twice, b"", 1000), "damaged");
}

#[test]
fn an_unknown_key_is_told_from_damage() {
    let other = Encrypted::new(Key::generate().unwrap());
    let sealed = encrypted().seal(b"42", b"a").unwrap();
    let message = format!(
        "sealed with key {}, which is not in the keyring",
        key().id()
    );
    refused(other.open(&sealed, b"a", 2), &message);
}

#[test]
fn after_a_rotation_new_values_use_the_new_key_and_old_ones_still_open() {
    let keyring = Keyring::new(key());
    let seal = Encrypted::new(keyring.clone());
    let old = seal.seal(b"old", b"a").unwrap();
    let next = Key::generate().unwrap();
    keyring.rotate(next.clone()).unwrap();
    let new = seal.seal(b"new", b"a").unwrap();
    assert_eq!(keyring.ids(), [next.id(), key().id()]);
    assert_eq!(seal.open(&old, b"a", 3).unwrap(), b"old");
    assert_eq!(Encrypted::new(next).open(&new, b"a", 3).unwrap(), b"new");
}

#[test]
fn a_key_that_comes_back_after_a_rotation_is_current_again_and_listed_once() {
    let keyring = Keyring::new(key());
    let next = Key::generate().unwrap();
    for wanted in [next.clone(), key(), key()] {
        keyring.rotate(wanted).unwrap();
    }
    assert_eq!(keyring.ids(), [key().id(), next.id()]);
}

#[test]
fn what_was_sealed_with_a_destroyed_key_is_gone_for_good() {
    let keyring = Keyring::new(key());
    let seal = Encrypted::new(keyring.clone());
    let sealed = seal.seal(b"42", b"a").unwrap();
    assert!(keyring.destroy(key().id()) && !keyring.destroy(key().id()));
    refused(seal.open(&sealed, b"a", 2), "which was destroyed");
    refused(seal.seal(b"42", b"a"), "no key to seal with");
    let error = keyring.rotate(key()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_source_is_asked_at_first_need_and_again_for_a_key_that_is_not_there() {
    let asked = Arc::new(AtomicUsize::new(0));
    let next = Key::generate().unwrap();
    let keyring = {
        let (asked, next) = (Arc::clone(&asked), next.clone());
        Keyring::from_source(move || match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(vec![key()]),
            _ => Ok(vec![next.clone(), key()]),
        })
    };
    let seal = Encrypted::new(keyring.clone());
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    for _ in 0..3 {
        seal.seal(b"42", b"a").unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let elsewhere = Encrypted::new(next.clone()).seal(b"42", b"a").unwrap();
    assert_eq!(seal.open(&elsewhere, b"a", 2).unwrap(), b"42");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(keyring.current().unwrap(), next);
    assert!(keyring.rotate(key()).is_err());
}

#[test]
fn a_source_cannot_bring_a_destroyed_key_back() {
    let keyring = Keyring::from_source(|| Ok(vec![key()]));
    let seal = Encrypted::new(keyring.clone());
    let sealed = seal.seal(b"42", b"a").unwrap();
    keyring.destroy(key().id());
    keyring.refresh().unwrap();
    refused(seal.open(&sealed, b"a", 2), "which was destroyed");
    refused(seal.seal(b"42", b"a"), "no key to seal with");
}

#[test]
fn what_a_source_fails_with_is_the_source_of_the_error() {
    let keyring = Keyring::from_source(|| Err(Error::new(ErrorKind::Hook, "the vault is locked")));
    let error = Encrypted::new(keyring).seal(b"42", b"a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Backend);
    assert_eq!(
        error.into_source().unwrap().to_string(),
        "the vault is locked"
    );
}

#[rstest]
#[case::hex(HEX)]
#[case::upper_hex(&HEX.to_uppercase())]
#[case::base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]
#[case::unpadded("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")]
#[case::with_a_line_end("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")]
fn a_key_is_read_from_text(#[case] text: &str) {
    assert_eq!(Key::parse(text).unwrap(), key());
    assert_eq!(Key::from_bytes(text.as_bytes()).unwrap(), key());
}

#[test]
fn a_key_is_read_from_its_bytes_and_from_either_base64() {
    let bytes: Vec<u8> = (0..32).collect();
    assert_eq!(Key::from_bytes(&bytes).unwrap(), key());
    let url_safe = Key::parse("-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8=").unwrap();
    let standard = Key::parse("+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/8=").unwrap();
    assert_eq!(url_safe, standard);
}

#[rstest]
#[case::empty(b"")]
#[case::passphrase(b"correct horse battery staple")]
#[case::passphrase_of_32_characters(b"correct horse battery staple 123")]
#[case::half_a_key(b"000102030405060708090a0b0c0d0e0f")]
#[case::too_long(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAAA=")]
#[case::bytes_of_another_length(&[200; 16])]
#[case::no_hex(b"zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")]
fn what_is_no_key_is_refused_with_what_to_do(#[case] bytes: &[u8]) {
    let error = Key::from_bytes(bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let text = error.to_string();
    assert!(text.contains("32 random bytes") && text.contains("openssl rand -base64 32"));
    assert!(!text.contains("correct horse"), "{text}");
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let error = Keyring::from_env("REFCACHE_TEST_KEY_THAT_IS_NOT_SET").unwrap_err();
    assert_eq!(
        error.fact("variable"),
        Some("REFCACHE_TEST_KEY_THAT_IS_NOT_SET")
    );
}

#[test]
fn a_variable_holds_the_current_key_and_older_ones() {
    let text = format!(
        "{HEX}, AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n{}",
        "ab".repeat(32)
    );
    let keyring = Keyring::from_text(&text).unwrap();
    let older = Key::parse(&"ab".repeat(32)).unwrap();
    assert_eq!(keyring.ids(), [key().id(), older.id()]);
    assert!(Keyring::from_text(" ,").is_err());
}

#[test]
fn key_bytes_are_shown_nowhere() {
    let seal = both();
    for shown in [format!("{:?}", key()), format!("{seal:?}")] {
        assert!(shown.contains(&key().id().to_string()), "{shown}");
        assert!(
            !shown.contains("0d0e0f") && !shown.contains("13, 14, 15"),
            "{shown}"
        );
    }
}

#[test]
fn an_id_is_read_as_it_is_shown() {
    let id = key().id();
    assert_eq!(id.to_string().len(), 8);
    assert_eq!(KeyId::parse(&id.to_string()), Some(id));
    assert_eq!(KeyId::parse("key"), None);
}

#[test]
fn only_encryption_protects() {
    assert!(!Compressed.protects() && encrypted().protects() && both().protects());
}
