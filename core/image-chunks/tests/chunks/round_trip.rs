//! The image comes out, whatever the seed is and whatever happened before.

use crate::support::{assembled, found, image, made, noise, pair, with_work};
use image_chunks::apply::{AssembleError, Assembly};
use image_chunks::index::Index;
use image_chunks::make::{MakeError, make};
use image_chunks::parallel::Work;
use image_chunks::plan::Plan;
use image_chunks::seed::SeedChunks;
use image_chunks::source::{Packs, ReadAt};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

/// A slot with blocks that dm-verity refuses.
struct Damaged<'a> {
    image: &'a [u8],
    blocks: Vec<u64>,
}

impl ReadAt for Damaged<'_> {
    fn length(&self) -> u64 {
        self.image.length()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let (first, end) = (offset / 4096, (offset + buffer.len() as u64).div_ceil(4096));
        if self.blocks.iter().any(|block| (first..end).contains(block)) {
            return Err(io::Error::other("Input/output error"));
        }
        self.image.read_exact_at(offset, buffer)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_new_image_comes_out((old, new) in pair(), request_cost in 0..20_000_u32) {
        let (index, mut packs) = made(&new);
        prop_assert_eq!(index.image_size(), new.len() as u64);
        prop_assert!(index.pack_sizes().eq(packs.iter().map(|pack| pack.len() as u64)));
        let read = Index::parse(&index.to_bytes()).unwrap();
        prop_assert_eq!(&read, &index);
        let plan = Plan::whole(&index, &found(&old, &index), request_cost);
        let mut output = vec![0xee; new.len()];
        let done = assembled(&index, &plan, &old, &mut packs, &mut output).unwrap();
        prop_assert!(output == new);
        prop_assert_eq!(done.downloaded, plan.download());
        prop_assert!(done.damaged.is_empty());
    }

    #[test]
    fn nothing_is_downloaded_for_what_is_there(image in image()) {
        let (index, mut packs) = made(&image);
        let plan = Plan::whole(&index, &SeedChunks::of_index(&index), 0);
        prop_assert_eq!(plan.download(), 0);
        let mut output = vec![0xee; image.len()];
        assembled(&index, &plan, &image, &mut packs, &mut output).unwrap();
        prop_assert!(output == image);
    }

    #[test]
    fn a_damaged_seed_costs_download_and_is_reported((old, new) in pair(), flips in vec(any::<u32>(), 0..4), blocks in vec(0..100_u64, 0..4)) {
        let (index, mut packs) = made(&new);
        let chunks = found(&old, &index);
        let mut changed = old.clone();
        for flip in flips.iter().filter(|_| !old.is_empty()) {
            changed[*flip as usize % old.len()] ^= 1;
        }
        let seed = Damaged { image: &changed, blocks };
        let plan = Plan::whole(&index, &chunks, 0);
        let mut output = vec![0xee; new.len()];
        let done = assembled(&index, &plan, &seed, &mut packs, &mut output).unwrap();
        prop_assert!(output == new);
        prop_assert!(done.damaged.is_empty() == (done.downloaded == plan.download()));
    }

    #[test]
    fn it_goes_on_at_any_durable_byte((old, new) in pair(), from in any::<u32>()) {
        let (index, mut packs) = made(&new);
        let from = u64::from(from) % (new.len() as u64 + 1);
        // What lies behind the durable position is worth nothing.
        let mut output = new.clone();
        output[from as usize..].fill(0xee);
        let rest = std::iter::once(from..new.len() as u64).collect();
        let plan = Plan::ranges(&index, &found(&old, &index), rest, 100).unwrap();
        prop_assert!(plan.download() <= Plan::whole(&index, &found(&old, &index), 100).download());
        assembled(&index, &plan, &old, &mut packs, &mut output).unwrap();
        prop_assert!(output == new);
    }

    #[test]
    fn only_the_ranges_asked_for_are_written(new in image(), mut borders in vec(any::<u32>(), 0..8)) {
        let (index, mut packs) = made(&new);
        borders.iter_mut().for_each(|border| *border %= new.len() as u32 + 1);
        borders.sort_unstable();
        let ranges: Vec<_> = borders.chunks_exact(2).map(|pair| u64::from(pair[0])..u64::from(pair[1])).collect();
        let mut output = new.clone();
        for range in &ranges {
            output[range.start as usize..range.end as usize].fill(0xee);
        }
        let plan = Plan::ranges(&index, &SeedChunks::none(), ranges.clone(), 0).unwrap();
        let mut written = Vec::new();
        let mut recording = Recording { image: &mut output, written: &mut written };
        let no_seed: Vec<u8> = Vec::new();
        Assembly { index: &index, plan: &plan, seed: &no_seed, packs: &mut packs, output: &mut recording, observe: &mut |_| ControlFlow::Continue(()) }
            .run()
            .unwrap();
        prop_assert!(output == new);
        let wanted = |byte: u64| ranges.iter().any(|range| range.contains(&byte));
        prop_assert!(written.iter().all(|(start, end)| (*start..*end).all(wanted)));
    }

    #[test]
    fn a_changed_pack_is_noticed((old, new) in pair(), place in any::<u32>()) {
        let (index, mut packs) = made(&new);
        let all = packs.iter().map(Vec::len).sum::<usize>();
        if all > 0 {
            packs[0][place as usize % all] ^= 0x10;
        }
        let plan = Plan::whole(&index, &found(&old, &index), 0);
        let mut output = vec![0xee; new.len()];
        match assembled(&index, &plan, &old, &mut packs, &mut output) {
            Ok(_) => prop_assert!(output == new),
            Err(AssembleError::WrongChunk { range }) => {
                let place = u64::from(place) % all as u64;
                prop_assert!(range.pack == 0 && (range.offset..range.offset + range.length).contains(&place));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Remembers where it was written.
struct Recording<'a> {
    image: &'a mut Vec<u8>,
    written: &'a mut Vec<(u64, u64)>,
}

impl image_chunks::source::Output for Recording<'_> {
    fn write_all_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.written.push((offset, offset + bytes.len() as u64));
        self.image.write_all_at(offset, bytes)
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        ReadAt::read_exact_at(self.image, offset, buffer)
    }
}

/// Twelve megabytes of words, a third of them new: longer than a history, and most of them known from it.
fn large_pair() -> (Vec<u8>, Vec<u8>) {
    let words: Vec<Vec<u8>> = (0..4000).map(|seed| noise(seed + 1, 40)).collect();
    let text = |seed: u64, length: usize| -> Vec<u8> {
        let choices = noise(seed, 2 * length / 40);
        let words = choices
            .chunks_exact(2)
            .flat_map(|pair| &words[(usize::from(pair[0]) * 15 + usize::from(pair[1] % 15)) % words.len()]);
        words.copied().take(length).collect()
    };
    let old = [text(1, 4 << 20), vec![0; 1 << 20], text(2, 5 << 20), text(3, 2 << 20)].concat();
    let new =
        [text(1, 4 << 20), text(5, 3 << 20), vec![0; 1 << 20], text(2, 5 << 20), text(5, 3 << 20), text(6, 1 << 20)]
            .concat();
    let whole = |mut image: Vec<u8>| {
        image.resize(image.len().next_multiple_of(4096), 0);
        image
    };
    (whole(old), whole(new))
}

#[test]
fn chunks_are_compressed_with_what_stands_before_them() {
    let (old, new) = large_pair();
    let (index, mut packs) = made(&new);
    let chunks = found(&old, &index);
    let plan = Plan::whole(&index, &chunks, 1000);
    let added = 4 << 20;
    assert!(plan.download() > 0 && plan.download() < added / 4, "{} bytes for {added} of known words", plan.download());
    let mut output = vec![0; new.len()];
    assembled(&index, &plan, &old, &mut packs, &mut output).unwrap();
    assert!(output == new);
    for from in [5 << 20, (6 << 20) + 12345] {
        let rest = std::iter::once(from..new.len() as u64).collect();
        let plan = Plan::ranges(&index, &chunks, rest, 1000).unwrap();
        output[from as usize..].fill(0xee);
        assembled(&index, &plan, &old, &mut packs, &mut output).unwrap();
        assert!(output == new, "went wrong from {from}");
    }
}

#[test]
fn a_history_that_looks_like_a_dictionary_is_content() {
    let mut new = [&[0x37, 0xa4, 0x30, 0xec][..], &noise(1, (1 << 20) - 4)].concat();
    new.extend_from_within(..4 << 10);
    new.extend(vec![b'x'; 4096]);
    let (index, mut packs) = made(&new);
    let plan = Plan::whole(&index, &SeedChunks::none(), 0);
    let mut output = vec![0; new.len()];
    assembled(&index, &plan, &Vec::new(), &mut packs, &mut output).unwrap();
    assert!(output == new);
}

#[test]
fn a_seed_that_is_all_wrong_takes_few_requests() {
    struct Counting(Vec<Vec<u8>>, usize);
    impl Packs for Counting {
        fn fetch(&mut self, pack: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
            self.1 += 1;
            self.0.fetch(pack, offset, buffer)
        }
    }
    let (_, new) = large_pair();
    let (index, packs) = made(&new);
    let (mut packs, nothing) = (Counting(packs, 0), Vec::new());
    let plan = Plan::whole(&index, &SeedChunks::of_index(&index), 1000);
    assert_eq!(plan.download(), 0);
    let mut output = vec![0; new.len()];
    let done = assembled(&index, &plan, &nothing, &mut packs, &mut output).unwrap();
    assert!(output == new);
    assert_eq!(done.downloaded, index.packed_size());
    assert!(packs.1 < 20, "{} requests", packs.1);
}

#[test]
fn the_number_of_threads_does_not_change_the_bytes() {
    let (_, new) = large_pair();
    let made = [1, 3].map(|threads| {
        let mut packs = Vec::new();
        let index = with_work(threads, |work| make(&new, &mut packs, work)).unwrap();
        (index.to_bytes(), packs)
    });
    assert!(made[0] == made[1]);
}

#[test]
fn it_can_be_cancelled_and_told_how_far_it_is() {
    let (_, new) = large_pair();
    let cancelled = AtomicBool::new(false);
    let mut calls = Vec::new();
    let mut progress = |done, total| {
        calls.push((done, total));
        cancelled.store(done > total / 2, std::sync::atomic::Ordering::Relaxed);
    };
    let result = make(&new, &mut Vec::new(), &mut Work { threads: 2, progress: &mut progress, cancelled: &cancelled });
    assert!(matches!(result, Err(MakeError::Cancelled)));
    assert!(calls.is_sorted() && calls.len() > 4);

    let (index, mut packs) = made(&new);
    let plan = Plan::whole(&index, &SeedChunks::none(), 0);
    let mut output = vec![0xee; new.len()];
    let mut reached = 0;
    let mut observe = |progress: image_chunks::apply::Progress| {
        reached = progress.position;
        if reached >= 3 << 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let no_seed: Vec<u8> = Vec::new();
    let stopped = Assembly {
        index: &index,
        plan: &plan,
        seed: &no_seed,
        packs: &mut packs,
        output: &mut output,
        observe: &mut observe,
    }
    .run();
    assert!(matches!(stopped, Err(AssembleError::Cancelled)));
    assert_eq!(reached, 3 << 20);
    assert!(output[..3 << 20] == new[..3 << 20]);
    let rest =
        Plan::ranges(&index, &SeedChunks::none(), std::iter::once(reached..new.len() as u64).collect(), 0).unwrap();
    assembled(&index, &rest, &no_seed, &mut packs, &mut output).unwrap();
    assert!(output == new);
}

#[test]
fn a_pack_that_does_not_arrive_is_named() {
    let (_, new) = large_pair();
    let (index, _) = made(&new);
    let plan = Plan::whole(&index, &SeedChunks::none(), 0);
    let failed =
        assembled(&index, &plan, &Vec::new(), &mut Vec::<Vec<u8>>::new(), &mut vec![0; new.len()]).unwrap_err();
    assert!(matches!(failed, AssembleError::Fetch { range, .. } if range == plan.requests()[0]), "{failed}");
    assert_eq!(
        failed.to_string(),
        format!(
            "fetching {} bytes at 0 of pack 0 did not work; try again, from another source if there is one",
            plan.requests()[0].length
        )
    );
}

#[test]
fn an_image_that_is_not_whole_blocks_is_refused() {
    let result = with_work(1, |work| make(&vec![1; 5000], &mut Vec::new(), work));
    assert!(matches!(result, Err(MakeError::Size { size: 5000 })));
}
