//! HMAC of eight bytes, from the two hash states that follow the pads (RFC 2104 §4).
//!
//! A code costs two compressions and nothing else, where a general HMAC buffers, pads and wipes for messages of any length.
//! The compressions are those of the `sha1` and `sha2` crates. Those of one code wait for each other; those of several codes
//! don't, and so stand side by side, first all inner ones and then all outer ones: a processor begins the next before it has
//! ended the last.

use hmac::digest::Digest;
use zeroize::Zeroize;

/// A hash of the SHA family, as far as HMAC of a short message needs it.
pub(crate) trait Hash: Copy {
    /// The words that a compression changes.
    type State: Copy + Zeroize;
    /// What a compression takes in.
    type Block: Copy + AsMut<[u8]>;
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

    /// Dynamic truncation (RFC 4226 §5.3): four bytes of the hash at the place that its last half-byte names, without the
    /// top bit.
    fn truncate(state: &Self::State) -> u32;
}

macro_rules! hash {
    ($name:ident, $whole:ty, [$word:ty; $words:literal], $two:ty, $block:literal, $compress:path, $initial:expr) => {
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

            fn truncate(state: &Self::State) -> u32 {
                let [.., last] = state;
                let offset = (last & 0x0f) as usize;
                // The four bytes lie in one word or across two.
                let word = |at: usize| <$two>::from(state.get(at).copied().unwrap_or_default());
                let (at, within) = (offset / size_of::<$word>(), offset % size_of::<$word>());
                let two = word(at) << <$word>::BITS | word(at + 1);
                (two >> (<$two>::BITS as usize - 32 - 8 * within)) as u32 & 0x7fff_ffff
            }
        }
    };
}

hash!(
    Sha1,
    sha1::Sha1,
    [u32; 5],
    u64,
    64,
    sha1::block_api::compress,
    [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
);
hash!(
    Sha256,
    sha2::Sha256,
    [u32; 8],
    u64,
    64,
    sha2::block_api::compress256,
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19]
);
hash!(
    Sha512,
    sha2::Sha512,
    [u64; 8],
    u128,
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

    /// The number that the HMAC of one counter is truncated to.
    pub(crate) fn number(&self, counter: u64) -> u32 {
        let mut number = 0;
        self.work::<1>().each(std::iter::once(counter), |_, truncated| number = truncated);
        number
    }

    /// For any number of counters, so many at a time.
    pub(crate) fn work<const LANES: usize>(&self) -> Work<'_, H, LANES> {
        let lane = Lane { message: padded::<H>(8), rest: padded::<H>(H::SIZE), state: H::INITIAL };
        Work { pads: self, lanes: [lane; LANES] }
    }
}

impl<H: Hash> Drop for Pads<H> {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// Room for the codes of a few counters at a time, again and again. Wiped on drop.
pub(crate) struct Work<'p, H: Hash, const LANES: usize> {
    pads: &'p Pads<H>,
    lanes: [Lane<H>; LANES],
}

#[derive(Clone, Copy)]
struct Lane<H: Hash> {
    message: H::Block,
    rest: H::Block,
    state: H::State,
}

impl<H: Hash, const LANES: usize> Work<'_, H, LANES> {
    /// Shows, for each counter in turn, the number that its HMAC is truncated to.
    pub(crate) fn each(&mut self, mut counters: impl Iterator<Item = u64>, mut look: impl FnMut(u64, u32)) {
        loop {
            let mut taken = [0; LANES];
            let mut count = 0;
            for (place, counter) in taken.iter_mut().zip(&mut counters) {
                *place = counter;
                count += 1;
            }
            let lanes = self.lanes.get_mut(..count).unwrap_or_default();
            for (lane, counter) in lanes.iter_mut().zip(taken) {
                if let Some(front) = lane.message.as_mut().first_chunk_mut() {
                    *front = counter.to_be_bytes();
                }
                lane.state = self.pads.inner;
            }
            for lane in lanes.iter_mut() {
                H::compress(&mut lane.state, &lane.message);
            }
            for lane in lanes.iter_mut() {
                H::put(&lane.state, &mut lane.rest);
                lane.state = self.pads.outer;
            }
            for lane in lanes.iter_mut() {
                H::compress(&mut lane.state, &lane.rest);
            }
            for (lane, counter) in lanes.iter().zip(taken) {
                look(counter, H::truncate(&lane.state));
            }
            if count < LANES {
                return;
            }
        }
    }

    fn wipe(&mut self) {
        for lane in &mut self.lanes {
            lane.state.zeroize();
            // What follows is the padding, which everybody knows.
            if let Some(hash) = lane.rest.as_mut().get_mut(..H::SIZE) {
                hash.zeroize();
            }
        }
    }
}

impl<H: Hash, const LANES: usize> Drop for Work<'_, H, LANES> {
    fn drop(&mut self) {
        self.wipe();
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

    fn peer<D: EagerHash>(key: &[u8], counter: u64) -> Vec<u8>
    where
        Hmac<D>: Mac + KeyInit,
    {
        let mut peer = <Hmac<D> as KeyInit>::new_from_slice(key).unwrap();
        peer.update(&counter.to_be_bytes());
        peer.finalize().into_bytes().to_vec()
    }

    /// RFC 4226 §5.3, word for word.
    fn truncated(tag: &[u8]) -> u32 {
        let offset = usize::from(tag.last().unwrap() & 0x0f);
        u32::from_be_bytes(tag.get(offset..offset + 4).unwrap().try_into().unwrap()) & 0x7fff_ffff
    }

    const COUNTERS: [u64; 7] = [0, 1, 17, 299, u32::MAX as u64 + 1, u64::MAX - 1, u64::MAX];

    fn agrees<H: Hash, D: EagerHash>()
    where
        Hmac<D>: Mac + KeyInit,
    {
        let long: Vec<u8> = (0..300_u16).map(|number| (number * 7 % 251) as u8).collect();
        for length in 0..long.len() {
            let key = long.get(..length).unwrap();
            let pads = Pads::<H>::new(key);
            // Several from one room: nothing of one message is in the next.
            let mut work = pads.work::<1>();
            for counter in COUNTERS {
                work.each(std::iter::once(counter), |_, _| {});
                let mut tag = H::ZEROS;
                H::put(&work.lanes.first().unwrap().state, &mut tag);
                let tag = tag.as_mut().get(..H::SIZE).unwrap().to_vec();
                assert_eq!(tag, peer::<D>(key, counter), "{length} bytes, {counter}");
            }
            let numbers = COUNTERS.map(|counter| (counter, truncated(&peer::<D>(key, counter))));
            for count in 0..=COUNTERS.len() {
                let mut shown = Vec::new();
                let some = COUNTERS.iter().copied().take(count);
                pads.work::<3>().each(some, |counter, number| shown.push((counter, number)));
                assert_eq!(shown, numbers.get(..count).unwrap(), "{length} bytes, {count} side by side");
            }
            assert!(numbers.iter().all(|(counter, number)| pads.number(*counter) == *number));
        }
    }

    #[test]
    fn it_is_the_hmac_of_the_hmac_crate_for_keys_of_any_length() {
        agrees::<Sha1, sha1::Sha1>();
        agrees::<Sha256, sha2::Sha256>();
        agrees::<Sha512, sha2::Sha512>();
    }

    /// RFC 4226 §5.4: the worked example.
    #[test]
    fn truncation_follows_the_worked_example() {
        assert_eq!(
            Sha1::truncate(&[0x1f86_9869, 0x0e02_ca16, 0x6185_50ef, 0x7f19_da8e, 0x945b_555a]),
            0x50ef_7f19
        );
    }

    #[test]
    fn truncation_is_the_same_at_every_place() {
        fn everywhere<H: Hash>(state: impl Fn(u8) -> H::State) {
            for offset in 0..16 {
                let state = state(offset);
                let mut block = H::ZEROS;
                H::put(&state, &mut block);
                let tag = block.as_mut().get(..H::SIZE).unwrap().to_vec();
                assert_eq!(tag.last().unwrap() & 0x0f, offset);
                assert_eq!(H::truncate(&state), truncated(&tag), "{offset}");
            }
        }
        let word = |number: u32| number.wrapping_mul(0x9e37_79b9);
        everywhere::<Sha1>(|offset| [1, 2, 3, 4, 5].map(|n| word(n) & !0x0f | u32::from(offset)));
        everywhere::<Sha256>(|offset| [1, 2, 3, 4, 5, 6, 7, 8].map(|n| word(n) & !0x0f | u32::from(offset)));
        everywhere::<Sha512>(|offset| {
            [1, 2, 3, 4, 5, 6, 7, 8]
                .map(|n| u64::from(word(n)) << 32 | u64::from(word(n + 9) & !0x0f | u32::from(offset)))
        });
    }

    #[test]
    fn what_is_wiped_is_all_that_is_secret() {
        fn wiped<H: Hash>() {
            let pads = Pads::<H>::new(b"12345678901234567890");
            let mut work = pads.work::<3>();
            let before = work.lanes.map(|mut lane| lane.rest.as_mut().to_vec());
            work.each(0..3, |_, _| {});
            assert_ne!(before, work.lanes.map(|mut lane| lane.rest.as_mut().to_vec()));
            // What drop does, looked at before the memory is gone.
            work.wipe();
            for (lane, before) in work.lanes.iter_mut().zip(before) {
                assert_eq!(lane.rest.as_mut(), before, "only padding is left");
                let mut state = H::ZEROS;
                H::put(&lane.state, &mut state);
                assert!(state.as_mut().iter().all(|byte| *byte == 0), "no code is left");
            }
            assert!(core::mem::needs_drop::<Pads<H>>() && core::mem::needs_drop::<Work<'_, H, 3>>());
        }
        wiped::<Sha1>();
        wiped::<Sha256>();
        wiped::<Sha512>();
    }
}
