//! Tests of frames.

use causelog_types::*;

use super::samples::*;
use crate::layout::FRAME_ERASED_BIT;
use crate::*;

fn is_frame(bytes: &[u8]) -> bool {
    decode_frame(bytes, SALT, OFFSET).whole().is_some()
}

/// The one frame in a group of one, as the writer makes it.
fn written_frame(header: &Header) -> (Vec<u8>, ByteOffset) {
    let (group, frames) = group_of(std::slice::from_ref(header));
    (group[frames[0].clone()].to_vec(), OFFSET.plus(frames[0].start))
}

/// Spec: FRAME-1, FRAME-3, FRAME-4
#[test]
fn frames_come_back() {
    for header in [plain(), full(), longest()] {
        let (bytes, offset) = written_frame(&header);
        let followed = [&bytes[..], b"more"].concat();
        let frame = decode_frame(&followed, SALT, offset).whole().unwrap();
        assert_eq!(frame.header, header);
        assert_eq!(frame.header_bytes, encoded(&header));
        assert_eq!(frame.stored_payload, stored_payload(&header));
        assert_eq!(frame.payload(), Some(&b"\xa3abc"[..]));
        assert_eq!((frame.erased, frame.bytes), (false, bytes.len()));
        assert_eq!(frame.hash(), hash::event(&encoded(&header)));
        let event = frame.to_event();
        assert_eq!((event.hash(), event.header), (frame.hash(), header));
        assert_eq!(event.payload.unwrap().as_bytes(), b"\xa3abc");
    }
}

/// Spec: FRAME-12. A frame whose payload is not the one hashed is a frame, and is told apart.
#[test]
fn payloads_are_compared_with_their_hash() {
    for salted in [false, true] {
        let stored = stored_payload(&Header { salted, ..plain() });
        let right = Header { salted, payload_hash: hash::payload(&stored), ..plain() };
        let wrong = Header { payload_hash: PayloadHash([0; 32]), ..right.clone() };
        assert!(decode_frame(&frame_of(&right), SALT, OFFSET).whole().unwrap().payload_is_right());
        assert!(!decode_frame(&frame_of(&wrong), SALT, OFFSET).whole().unwrap().payload_is_right());
    }
}

/// Spec: WIRE-5. First the prefix is asked for, then the whole.
#[test]
fn cut_frames_are_incomplete() {
    for header in [plain(), full()] {
        let bytes = frame_of(&header);
        let need = |length: usize| if length < 8 { 8 } else { bytes.len() };
        check_every_cut(&bytes, need, |cut| decode_frame(cut, SALT, OFFSET));
    }
}

/// Spec: WIRE-3
#[test]
fn flipped_bits_are_found() {
    for header in [plain(), full()] {
        check_every_flip(&frame_of(&header), is_frame);
    }
    let erased = with_frame_checksum(&encoded(&plain()), &[0; 5], FRAME_ERASED_BIT);
    check_every_flip(&erased, is_frame);
}

/// Spec: WIRE-3. Bytes of another segment, or from another place, are no frame.
#[test]
fn moved_and_foreign_bytes_are_found() {
    let bytes = frame_of(&full());
    for (salt, offset) in [
        (Salt(SALT.0 + 1), OFFSET),
        (Salt(0), OFFSET),
        (SALT, OFFSET.plus(1)),
        (SALT, ByteOffset(0)),
        (SALT, ByteOffset(OFFSET.0 + (1 << 32))),
        (Salt(OFFSET.0), ByteOffset(SALT.0)),
    ] {
        assert_eq!(rule_of(decode_frame(&bytes, salt, offset)), Rule::Checksum("frame"));
    }
}

/// Spec: WIRE-10, FRAME-12. A flipped bit breaks the checksum and nothing is decoded; whoever mends the checksum
/// meets the hashes: of the payload, or of the event that the next one of the stream and the root hold.
#[test]
fn checksums_find_accidents_and_hashes_find_tampering() {
    let header = Header { payload_hash: hash::payload(&stored_payload(&plain())), ..plain() };
    let right = frame_of(&header);
    let hash_of = |bytes: &[u8]| decode_frame(bytes, SALT, OFFSET).whole().map(|frame| frame.hash());

    let payload = b"\xa3abd";
    let last = right.len() - 1;
    let accident = replaced(&right, last, b"d");
    assert_eq!(rule_of(decode_frame(&accident, SALT, OFFSET)), Rule::Checksum("frame"));
    let tampered = with_frame_checksum(&encoded(&header), payload, 0);
    assert_eq!(tampered[8..], accident[8..]);
    let frame = decode_frame(&tampered, SALT, OFFSET).whole().unwrap();
    assert!(!frame.payload_is_right(), "the checksum fits, and the hash does not");
    assert_eq!(Some(frame.hash()), hash_of(&right), "the header is as it was");

    // The other way round: a payload whose hash fits is no frame without its checksum.
    let other = Header { payload_hash: hash::payload(payload), ..header };
    let consistent = with_frame_checksum(&encoded(&other), payload, 0);
    assert!(decode_frame(&consistent, SALT, OFFSET).whole().unwrap().payload_is_right());
    assert_ne!(hash_of(&consistent), hash_of(&right), "the event is another, for the chain and the root");
    let unsummed = replaced(&consistent, 4, &right[4..8]);
    assert_eq!(rule_of(decode_frame(&unsummed, SALT, OFFSET)), Rule::Checksum("frame"));
}

/// Spec: FRAME-2. Zeros are never a frame, whatever the salt and the place.
#[test]
fn zeros_are_no_frame() {
    for (salt, offset) in [(Salt(0), ByteOffset(0)), (SALT, OFFSET)] {
        for length in [8, 9, 64, 4096] {
            assert_eq!(rule_of(decode_frame(&vec![0; length], salt, offset)), Rule::FrameLength);
        }
    }
}

/// Spec: FRAME-2, WIRE-6. The length is judged before anything is waited for.
#[test]
fn lengths_out_of_range_are_refused() {
    let word = |length: u32| [&length.to_le_bytes()[..], &[0; 12]].concat();
    let most = u32::try_from(limits::FRAME_BYTES_MAX).unwrap() - 8;
    for refused in [0, most + 1, (1 << 27) - 1, 1 << 27, 1 << 27 | 20, 1 << 30 | 20, u32::MAX] {
        for bits in [0, FRAME_ERASED_BIT] {
            assert_eq!(rule_of(decode_frame(&word(refused | bits), SALT, OFFSET)), Rule::FrameLength);
        }
    }
    let need = limits::FRAME_BYTES_MAX;
    assert_eq!(decode_frame(&word(most), SALT, OFFSET), Decoded::Incomplete { need });
    assert_eq!(decode_frame(&word(most | FRAME_ERASED_BIT), SALT, OFFSET), Decoded::Incomplete { need });
}

/// Spec: FRAME-14. Erasing changes the payload's bytes, the erased bit and the checksum, and nothing else.
#[test]
fn erased_frames_decode() {
    for header in [plain(), full()] {
        let stored = stored_payload(&header);
        let before = frame_of(&header);
        let erased = with_frame_checksum(&encoded(&header), &vec![0; stored.len()], FRAME_ERASED_BIT);
        let (old, new) = (decode_frame(&before, SALT, OFFSET), decode_frame(&erased, SALT, OFFSET));
        let (old, new) = (old.whole().unwrap(), new.whole().unwrap());
        assert_eq!((old.bytes, old.hash(), &old.header), (new.bytes, new.hash(), &new.header));
        assert!(new.erased && new.payload_is_right());
        assert_eq!((new.payload(), new.to_event().payload), (None, None));
        // Zeros without the bit are a payload; the bit without zeros is a contradiction.
        for at in 0..stored.len() {
            let remains = replaced(&vec![0; stored.len()], at, &[1]);
            let half = with_frame_checksum(&encoded(&header), &remains, FRAME_ERASED_BIT);
            assert_eq!(rule_of(decode_frame(&half, SALT, OFFSET)), Rule::ErasedPayload);
        }
    }
    let zeros = with_frame_checksum(&encoded(&plain()), &[0], 0);
    assert_eq!(decode_frame(&zeros, SALT, OFFSET).whole().unwrap().payload(), Some(&[0][..]));
}

/// Spec: FRAME-12, FRAME-15. A payload is there, and so is the salt that the header speaks of.
#[test]
fn payloads_and_salts_are_there() {
    let salted = encoded(&Header { salted: true, ..plain() });
    let salt = [&[0xc4, 16][..], &[0x5a; 16]].concat();
    for (header, stored, whole) in [
        (&encoded(&plain())[..], &[][..], false),
        (&encoded(&plain()), &[0xc0], true),
        (&salted, &[], false),
        (&salted, &salt[..17], false),
        (&salted, &salt, false),
        (&salted, &[&salt[..], &[0xc0]].concat(), true),
        (&salted, &[&[0xc4, 15][..], &[0x5a; 17]].concat(), false),
        (&salted, &[0xc0; 40], false),
    ] {
        let frame = with_frame_checksum(header, stored, 0);
        let found = decode_frame(&frame, SALT, OFFSET);
        match whole {
            true => assert!(found.whole().is_some()),
            false => assert_eq!(rule_of(found), Rule::Payload, "{stored:02x?}"),
        }
    }
}

/// Spec: WIRE-5. A flaw says where it is, from the beginning of the file.
#[test]
fn flaws_say_where() {
    let mut header = encoded(&plain());
    *header.last_mut().unwrap() = 0xc1;
    let Decoded::Corrupt(flaw) = decode_frame(&with_frame_checksum(&header, &[0xc0], 0), SALT, OFFSET) else {
        panic!("not corrupt");
    };
    assert_eq!(flaw, Flaw { rule: Rule::Malformed, offset: OFFSET.plus(8 + header.len()) });
    assert!(flaw.to_string().ends_with("(at offset 230)"), "{flaw}");
}
