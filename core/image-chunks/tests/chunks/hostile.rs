//! Indexes and differences that nobody vouches for.

use crate::support::{image, made, pair};
use image_chunks::cut::Average;
use image_chunks::difference::{self, DifferenceError};
use image_chunks::digest::ChunkDigest;
use image_chunks::index::{Chunk, Content, Index, IndexError, MAXIMUM_PLACES, Place, Run};
use image_chunks::plan::{MAXIMUM_REQUEST, Plan};
use image_chunks::seed::SeedChunks;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, proptest};
use proptest::prop_oneof;

fn chunk(length: u32) -> Chunk {
    Chunk { digest: ChunkDigest([7; 16]), length, packed: 1 }
}

fn content(runs: Vec<Run>, chunks: Vec<Chunk>) -> Content {
    Content { average: Average::SMALLEST, packs: vec![chunks.len() as u32], runs, chunks }
}

fn refused(content: Content) -> &'static str {
    let Err(IndexError::Content { what }) = Index::new(content) else { return "not refused" };
    what
}

#[test]
fn contradictions_are_refused() {
    let new = |count| Run::New { count };
    let again = |first, count| Run::Again { first, count };
    let unknown = "a run names chunks that do not exist or did not occur yet";
    assert!(Index::new(content(vec![new(1)], vec![chunk(4096)])).is_ok());
    assert_eq!(refused(content(vec![new(2)], vec![chunk(4096)])), unknown);
    assert_eq!(refused(content(vec![again(0, 1), new(1)], vec![chunk(4096)])), unknown);
    assert_eq!(refused(content(vec![new(1), again(0, 2)], vec![chunk(4096)])), unknown);
    assert_eq!(refused(content(vec![new(1), again(u32::MAX, 2)], vec![chunk(4096)])), unknown);
    assert_eq!(refused(content(vec![new(1), again(0, 0)], vec![chunk(4096)])), unknown);
    assert_eq!(refused(content(vec![new(1), Run::Zero { blocks: 0 }], vec![chunk(4096)])), "a run is empty");
    assert_eq!(refused(content(vec![], vec![chunk(4096)])), "chunks occur nowhere in the image");
    let lengths = "the length of a chunk is out of bounds";
    for (length, packed) in [(0, 0), (4096, 0), (4096, 4097), (16385, 1), (u32::MAX, 1)] {
        let chunk = Chunk { packed, ..chunk(length) };
        assert_eq!(refused(content(vec![new(1)], vec![chunk])), lengths);
    }
    let size = "the image is too large, or not whole blocks";
    assert_eq!(refused(content(vec![new(1)], vec![chunk(4095)])), size);
    assert_eq!(refused(content(vec![new(1), Run::Zero { blocks: 1 << 22 }], vec![chunk(4096)])), size);
    let packs = |packs| Content { packs, ..content(vec![new(2)], vec![chunk(2048); 2]) };
    assert!(Index::new(packs(vec![1, 1])).is_ok());
    assert_eq!(refused(packs(vec![0, 2])), "it has too many packs, or an empty one");
    assert_eq!(refused(packs(vec![1; 4097])), "it has too many packs, or an empty one");
    assert_eq!(refused(packs(vec![u32::MAX, 3])), "packs and chunks do not go together");
}

#[test]
fn a_few_bytes_do_not_become_billions_of_chunks() {
    let mut runs = vec![Run::New { count: 4096 }];
    runs.extend(vec![Run::Again { first: 0, count: 4096 }; 255]);
    assert!(Index::new(content(runs.clone(), vec![chunk(1); 4096])).is_ok());
    runs.push(Run::Again { first: 0, count: 1 });
    assert_eq!(refused(content(runs, vec![chunk(1); 4096])), "the image has too many chunks");
    let mut bytes = Index::new(content(vec![Run::New { count: 1 }], vec![chunk(4096)])).unwrap().to_bytes();
    // The number of chunks.
    bytes[24..28].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Index::parse(&bytes), Err(IndexError::Format));
}

#[test]
fn a_newer_version_is_named() {
    let mut bytes = made(&vec![1; 8192]).0.to_bytes();
    bytes[8] = 2;
    assert_eq!(Index::parse(&bytes), Err(IndexError::Version { found: 2 }));
    let mut bytes = difference::make(b"old", b"new").unwrap();
    bytes[8] = 9;
    assert_eq!(difference::apply(b"old", &bytes), Err(DifferenceError::Version { found: 9 }));
}

#[test]
fn a_difference_serves_one_index_only() {
    let there = difference::make(b"old", b"new").unwrap();
    assert_eq!(difference::apply(b"new", &there), Err(DifferenceError::Start));
    let back = difference::make(b"new", b"old").unwrap();
    assert_eq!(difference::apply(b"old", &back), Err(DifferenceError::Start));
    assert_eq!(difference::apply(&difference::apply(b"old", &there).unwrap(), &back).unwrap(), b"old");
}

#[test]
fn a_difference_makes_no_more_than_it_says() {
    let mut bytes = difference::make(b"", &vec![0; 1 << 20]).unwrap();
    bytes[12..16].copy_from_slice(&1000_u32.to_le_bytes());
    assert_eq!(difference::apply(b"", &bytes), Err(DifferenceError::Damaged));
    bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(difference::apply(b"", &bytes), Err(DifferenceError::TooLarge));
}

/// Contents that mostly hold together.
fn contents() -> BoxedStrategy<Content> {
    let run = prop_oneof![
        (0..5_u32).prop_map(|count| Run::New { count }),
        (0..9_u32).prop_map(|blocks| Run::Zero { blocks }),
        (0..9_u32, 0..9_u32).prop_map(|(first, count)| Run::Again { first, count }),
    ];
    let lengths = vec((1..5_u32, 1..5000_u32, any::<[u8; 16]>()), 0..12);
    (vec(run, 0..12), lengths, vec(1..9_u32, 0..3))
        .prop_map(|(runs, chunks, packs)| {
            let chunks = chunks.into_iter().map(|(blocks, packed, digest)| {
                let length = blocks * 4096;
                Chunk { digest: ChunkDigest(digest), length, packed: packed.min(length) }
            });
            Content { average: Average::SMALLEST, packs, runs, chunks: chunks.collect() }
        })
        .boxed()
}

fn check(index: &Index, request_cost: u32) {
    let mut end = 0;
    for place in index.places() {
        match place {
            Place::Zero { offset, length } => {
                assert_eq!(offset, end);
                end += length;
            }
            Place::Chunk { offset, number } => {
                assert_eq!(offset, end);
                assert!(index.first_offset(number) <= offset);
                end += u64::from(index.chunk(number).length);
            }
        }
    }
    assert_eq!(end, index.image_size());
    let plan = Plan::whole(index, &SeedChunks::none(), request_cost);
    let sizes: Vec<u64> = index.pack_sizes().collect();
    let mut before = (0, 0);
    for request in plan.requests() {
        assert!(request.length <= MAXIMUM_REQUEST && (request.pack, request.offset) >= before);
        before = (request.pack, request.offset + request.length);
        assert!(before.1 <= sizes[request.pack]);
    }
    assert_eq!(plan.download(), index.packed_size());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_accepted_holds_together(content in contents(), request_cost in any::<u32>()) {
        if let Ok(index) = Index::new(content) {
            check(&index, request_cost);
            let bytes = index.to_bytes();
            prop_assert_eq!(Index::parse(&bytes).unwrap().to_bytes(), bytes);
        }
    }

    #[test]
    fn noise_behind_a_header_is_refused_or_read_exactly(counts in [0..3_u32, 0..3, 0..3], noise in vec(any::<u8>(), 0..80)) {
        let mut bytes = b"PICCHUNK\x01\0\0\0\0\x10\0\0".to_vec();
        bytes.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
        bytes.extend(noise);
        if let Ok(index) = Index::parse(&bytes) {
            prop_assert_eq!(index.to_bytes(), bytes);
            check(&index, 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_or_cut_index_is_refused_or_read_exactly(image in image(), flip in any::<u32>(), length in any::<u32>()) {
        let bytes = made(&image).0.to_bytes();
        for length in [length as usize % bytes.len(), bytes.len() - 1] {
            prop_assert!(Index::parse(&bytes[..length]).is_err());
        }
        let mut flipped = bytes.clone();
        flipped[flip as usize / 8 % bytes.len()] ^= 1 << (flip % 8);
        if let Ok(index) = Index::parse(&flipped) {
            prop_assert_eq!(index.to_bytes(), flipped);
            check(&index, 0);
        }
        let longer = [&bytes[..], &[0]].concat();
        prop_assert!(Index::parse(&longer).is_err());
    }

    #[test]
    fn differences_give_the_exact_index((old, new) in pair(), flip in any::<u32>()) {
        let (old, new) = (made(&old).0.to_bytes(), made(&new).0.to_bytes());
        let mut bytes = difference::make(&old, &new).unwrap();
        prop_assert!(difference::apply(&old, &bytes).unwrap() == new);
        prop_assert!(difference::apply(&old, &bytes[..flip as usize % bytes.len()]).is_err());
        let place = flip as usize / 8 % bytes.len();
        bytes[place] ^= 1 << (flip % 8);
        // A bit may mean nothing, but then the index is still exact.
        prop_assert!(difference::apply(&old, &bytes).is_ok_and(|index| index == new) || difference::apply(&old, &bytes).is_err());
    }
}

#[test]
fn limits_fit_into_memory() {
    assert!(size_of::<Chunk>() <= 24 && MAXIMUM_PLACES <= 1 << 20);
}
