use super::Extents;

fn parts(extents: &Extents) -> Vec<(u64, u64)> {
    extents.parts.iter().map(|part| (part.start, part.end)).collect()
}

#[test]
fn ranges_are_merged_cut_and_counted() {
    let mut extents = Extents::default();
    extents.add(10..20);
    extents.add(30..40);
    assert_eq!(extents.total(), 20);
    assert_eq!(extents.missing(&(0..50)), 30);
    assert_eq!(extents.missing(&(12..18)), 0);
    extents.add(20..25);
    assert_eq!(parts(&extents), [(10, 25), (30, 40)]);
    extents.add(5..35);
    assert_eq!(parts(&extents), [(5, 40)]);
    extents.add(3..3);
    extents.cut(8);
    assert_eq!(parts(&extents), [(5, 8)]);
    extents.cut(5);
    assert_eq!(extents.total(), 0);
    assert_eq!(Extents::whole(7).total(), 7);
}
