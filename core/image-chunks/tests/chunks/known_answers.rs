//! The known answers of `docs/reference/chunk-format.md`: computed there by other means than this crate.

use crate::support::{made, noise};
use image_chunks::cut::{Average, Cutter, Piece};
use image_chunks::digest::ChunkDigest;

#[test]
fn noise_is_cut_where_the_reference_says() {
    let bytes = noise(1, 65_536);
    let pieces = Cutter::new(Average::SMALLEST).cut(&bytes);
    let lengths: Vec<usize> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Chunk(range) => range.len(),
            Piece::Zero(_) => panic!("there are no zeros"),
        })
        .collect();
    let expected =
        [1942, 11074, 8548, 1041, 2450, 1030, 1709, 4776, 1237, 1774, 6316, 5057, 1669, 1186, 4526, 3489, 7712];
    assert_eq!(lengths, expected);
    assert_eq!(ChunkDigest::of(&bytes[..1942]).to_string(), "e7217d90eb3be3d745ed4b965c237337");
}

#[test]
fn an_index_has_the_bytes_that_the_reference_says() {
    let image = [vec![1; 4096], vec![0; 8192], vec![1; 4096]].concat();
    let (index, packs) = made(&image);
    let expected =
        "5049434348554e4b010000000010000001000000030000000100000001040906008020f21f3431383721510cf1c211de027cf958c1";
    assert_eq!(hex::encode(index.to_bytes()), expected);
    assert_eq!(hex::encode(&packs[0]), "60000f45000008010100fcf78110");
}
