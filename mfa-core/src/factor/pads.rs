//! HMAC of eight bytes, from the two hash states that follow the pads (RFC 2104 §4).
//!
//! A code costs two compressions and nothing else, where a general HMAC buffers, pads and wipes for messages of any length.
//! The compressions are those of the `sha1` and `sha2` crates.

use hmac::digest::Digest;
use zeroize::Zeroize;

/// A hash of the SHA family, as far as HMAC of a short message needs it.
pub(crate) trait Hash {
    /// The words that a compression changes.
    type State: Copy + Zeroize;
    /// What a compression takes in.
    type Block: Copy + AsRef<[u8]> + AsMut<[u8]>;
    /// The whole hash, for keys longer than a block.
    type Whole: Digest;

    /// The state before the first block (FIPS 180-4 §5.3).
    const INITIAL: Self::State;
    /// A block of zeros.
    const ZEROS: Self::Block;
    /// How many bytes a hash has.
    const SIZE: usize;

    /// One block more.
    fn compress(state: &mut Self::State, block: &Self::Block);

    /// Writes the hash into the front of a block.
    fn put(state: &Self::State, block: &mut Self::Block);
}

macro_rules! hash {
    ($name:ident, $whole:ty, [$word:ty; $words:literal], $block:literal, $compress:path, $initial:expr) => {
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum $name {}

        impl Hash for $name {
            type State = [$word; $words];
            type Block = [u8; $block];
            type Whole = $whole;

            const INITIAL: Self::State = $initial;
            const ZEROS: Self::Block = [0; $block];
            const SIZE: usize = $words * size_of::<$word>();

            fn compress(state: &mut Self::State, block: &Self::Block) {
                $compress(state, core::slice::from_ref(block));
            }

            fn put(state: &Self::State, block: &mut Self::Block) {
                for (place, word) in block.chunks_exact_mut(size_of::<$word>()).zip(state) {
                    place.copy_from_slice(&word.to_be_bytes());
                }
            }
        }
    };
}

hash!(
    Sha1,
    sha1::Sha1,
    [u32; 5],
    64,
    sha1::block_api::compress,
    [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
);
hash!(
    Sha256,
    sha2::Sha256,
    [u32; 8],
    64,
    sha2::block_api::compress256,
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19]
);
hash!(
    Sha512,
    sha2::Sha512,
    [u64; 8],
    128,
    sha2::block_api::compress512,
    [
        0x6a09_e667_f3bc_c908,
        0xbb67_ae85_84ca_a73b,
        0x3c6e_f372_fe94_f82b,
        0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1,
        0x9b05_688c_2b3e_6c1f,
        0x1f83_d9ab_fb41_bd6b,
        0x5be0_cd19_137e_2179
    ]
);

/// The states after the inner and the outer pad. As secret as the key; wiped on drop.
#[derive(Clone)]
pub(crate) struct Pads<H: Hash> {
    inner: H::State,
    outer: H::State,
}

impl<H: Hash> Pads<H> {
    /// RFC 2104 §2: a key longer than a block is hashed first, a shorter one is followed by zeros.
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = H::ZEROS;
        let room = block.as_mut();
        if key.len() <= room.len() {
            fill_front(room, key);
        } else {
            let mut hashed = H::Whole::digest(key);
            fill_front(room, &hashed);
            hashed.as_mut_slice().zeroize();
        }
        let mut pads = Self { inner: H::INITIAL, outer: H::INITIAL };
        turn(block.as_mut(), 0x36);
        H::compress(&mut pads.inner, &block);
        turn(block.as_mut(), 0x36 ^ 0x5c);
        H::compress(&mut pads.outer, &block);
        block.as_mut().zeroize();
        pads
    }

    /// For any number of messages in a row.
    pub(crate) fn work(&self) -> Work<'_, H> {
        Work { pads: self, message: padded::<H>(8), rest: padded::<H>(H::SIZE), state: H::INITIAL }
    }
}

impl<H: Hash> Drop for Pads<H> {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// Room for the blocks of one message after the other. What was in it is wiped on drop.
pub(crate) struct Work<'p, H: Hash> {
    pads: &'p Pads<H>,
    message: H::Block,
    rest: H::Block,
    state: H::State,
}

impl<H: Hash> Work<'_, H> {
    /// The HMAC of the counter.
    pub(crate) fn tag(&mut self, counter: u64) -> &[u8] {
        if let Some(front) = self.message.as_mut().first_chunk_mut() {
            *front = counter.to_be_bytes();
        }
        self.state = self.pads.inner;
        H::compress(&mut self.state, &self.message);
        H::put(&self.state, &mut self.rest);
        self.state = self.pads.outer;
        H::compress(&mut self.state, &self.rest);
        H::put(&self.state, &mut self.rest);
        self.rest.as_ref().get(..H::SIZE).unwrap_or_default()
    }
}

impl<H: Hash> Drop for Work<'_, H> {
    fn drop(&mut self) {
        self.state.zeroize();
        // What follows is the padding, which everybody knows.
        if let Some(tag) = self.rest.as_mut().get_mut(..H::SIZE) {
            tag.zeroize();
        }
    }
}

/// A last block with room for so many bytes, of a message that has had one block before (FIPS 180-4 §5.1).
fn padded<H: Hash>(bytes: usize) -> H::Block {
    let mut block = H::ZEROS;
    let place = block.as_mut();
    let bits = (place.len() as u64 + bytes as u64) * 8;
    if let Some(end) = place.get_mut(bytes) {
        *end = 0x80;
    }
    if let Some(length) = place.last_chunk_mut() {
        *length = bits.to_be_bytes();
    }
    block
}

fn fill_front(block: &mut [u8], bytes: &[u8]) {
    for (place, byte) in block.iter_mut().zip(bytes) {
        *place = *byte;
    }
}

fn turn(block: &mut [u8], bits: u8) {
    for byte in block {
        *byte ^= bits;
    }
}

#[cfg(test)]
mod tests {
    use hmac::{EagerHash, Hmac, KeyInit, Mac};

    use super::*;

    fn agrees<H: Hash, D: EagerHash>()
    where
        Hmac<D>: Mac + KeyInit,
    {
        let key: Vec<u8> = (0..300_u16).map(|number| (number * 7 % 251) as u8).collect();
        for length in 0..key.len() {
            let key = key.get(..length).unwrap();
            let pads = Pads::<H>::new(key);
            let mut work = pads.work();
            // Several from one room: nothing of one message is in the next.
            for counter in [0, 1, length as u64, u64::from(u32::MAX) + 1, u64::MAX] {
                let mut peer = <Hmac<D> as KeyInit>::new_from_slice(key).unwrap();
                peer.update(&counter.to_be_bytes());
                assert_eq!(work.tag(counter), &*peer.finalize().into_bytes(), "{length} bytes, {counter}");
            }
        }
    }

    #[test]
    fn it_is_the_hmac_of_the_hmac_crate_for_keys_of_any_length() {
        agrees::<Sha1, sha1::Sha1>();
        agrees::<Sha256, sha2::Sha256>();
        agrees::<Sha512, sha2::Sha512>();
    }

    #[test]
    fn what_is_wiped_is_all_that_is_secret() {
        fn wiped<H: Hash>() {
            let pads = Pads::<H>::new(b"12345678901234567890");
            let mut work = pads.work();
            let (before, tag) = (work.rest, work.tag(1).to_vec());
            assert_ne!(before.as_ref(), work.rest.as_ref());
            // What drop does, looked at before the memory is gone.
            work.state.zeroize();
            work.rest.as_mut().get_mut(..H::SIZE).unwrap().zeroize();
            assert_eq!(work.rest.as_ref(), before.as_ref(), "only padding is left");
            assert!(tag.len() == H::SIZE && core::mem::needs_drop::<Pads<H>>());
        }
        wiped::<Sha1>();
        wiped::<Sha256>();
        wiped::<Sha512>();
    }
}
