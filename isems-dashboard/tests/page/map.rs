use isems_dashboard::{Ground, Language, Map, MapNode};
use isems_insight::{Level, NodeState, Position};

use crate::markup::{attributes, percent, within};

fn node(name: &str, latitude: f64, longitude: f64) -> MapNode<'_> {
    let position = Position::Set { latitude, longitude };
    MapNode { name, href: "nodes/x", position, level: Level::Ok, state: NodeState::Active, summary: "" }
}

fn map<'a>(nodes: &'a [MapNode<'a>]) -> Map<'a> {
    Map { id: "map", title: "Map", language: Language::English, nodes, ground: None }
}

/// Returns where the marks are, in percent of the width and height.
fn marks(markup: &str) -> Vec<(f64, f64)> {
    let nodes = within(markup, "<g class=\"nodes\">", "<g class=\"scale\">");
    let [x, y] = ["x", "y"].map(|name| attributes(nodes, "use", name).into_iter().map(percent).collect::<Vec<_>>());
    x.into_iter().zip(y).collect()
}

#[test]
fn nodes_lie_as_on_the_ground() {
    // A square of one kilometre in Berlin: Mercator keeps angles, and the picture is wider than high by a third.
    let (north, east) = (1.0 / 111.32, 1.0 / 111.32 / 52.5_f64.to_radians().cos());
    let nodes = [node("A", 52.5, 13.4), node("B", 52.5 + north, 13.4), node("C", 52.5, 13.4 + east)];
    let markup = map(&nodes).svg().into_string();
    let [a, b, c] = marks(&markup)[..] else { panic!("{markup}") };
    assert!((a.0 - b.0).abs() < 0.01 && (a.1 - c.1).abs() < 0.01, "{markup}");
    assert!(b.1 < a.1 && c.0 > a.0, "north is up and east is right");
    let (across, down) = ((c.0 - a.0) * 4.0 / 3.0, a.1 - b.1);
    assert!((across / down - 1.0).abs() < 0.01, "{across} {down}");
    // The scale agrees with them.
    let scale = within(&markup, "<g class=\"scale\">", "</g>");
    let [left, right] = ["x1", "x2"].map(|name| percent(attributes(scale, "line", name)[0]));
    assert!(scale.contains(">500\u{a0}m</text>"), "{scale}");
    let length = (right - left) / (c.0 - a.0);
    assert!((length - 0.5).abs() < 0.01, "{length} km");
}

#[test]
fn every_node_is_in_the_picture() {
    let nodes = [node("A", -33.9, 18.4), node("B", 78.2, 15.6), node("C", 90.0, -70.0), node("D", 0.1, 100.0)];
    let markup = map(&nodes).svg().into_string();
    for (x, y) in marks(&markup) {
        assert!((5.0..95.0).contains(&x) && (5.0..95.0).contains(&y), "{x} {y}");
    }
    assert!(!markup.contains("NaN"), "{markup}");
}

#[test]
fn one_node_is_in_the_middle_with_its_surroundings() {
    let markup = map(&[node("A", 52.5, 13.4)]).svg().into_string();
    assert_eq!(marks(&markup), [(50.0, 50.0)]);
    assert!(markup.contains(">100\u{a0}m</text>"), "{markup}");
}

#[test]
fn a_mesh_across_the_date_line_is_in_one_piece() {
    let nodes = [node("A", -17.0, 179.9), node("B", -17.0, -179.9)];
    let markup = map(&nodes).svg().into_string();
    let [a, b] = marks(&markup)[..] else { panic!("{markup}") };
    assert!(a.0 < b.0 && b.0 - a.0 > 50.0, "{a:?} {b:?}");
    assert!(markup.contains("\u{b0}\u{a0}W</text>") && markup.contains("\u{b0}\u{a0}E</text>"), "{markup}");
}

#[test]
fn shape_colour_and_words_tell_level_and_state() {
    let nodes = [
        MapNode { level: Level::Urgent, state: NodeState::Silent, summary: "Ran empty.", ..node("A", 52.5, 13.4) },
        MapNode { level: Level::Ok, ..node("B", 52.6, 13.5) },
    ];
    let figure = map(&nodes).figure().into_string();
    assert!(figure.contains("<a class=\"urgent silent\""), "{figure}");
    assert!(figure.contains("<title>A: urgent, silent. Ran empty.</title>"), "{figure}");
    assert!(figure.contains("<title>B: well</title>"), "{figure}");
    let shapes = within(&figure, "<defs>", "</defs>");
    let ids = attributes(shapes, "path", "id");
    assert_eq!(ids, Level::ALL.map(|level| format!("map-{}", level.name())));
    assert!(ids.iter().all(|id| shapes.matches(id).count() == 1));
    let mut drawn = attributes(shapes, "path", "d");
    drawn.dedup();
    assert_eq!(drawn.len(), Level::ALL.len());
    // What needs somebody lies on top.
    assert!(figure.rfind("<a class=\"urgent").unwrap() > figure.rfind("<a class=\"ok").unwrap());
    let legend = within(&figure, "<ul class=\"legend\">", "</ul>");
    assert!(legend.contains("urgent</li>") && legend.contains("silent</li>"), "{legend}");
    assert!(!legend.contains("attention") && !legend.contains("inactive"), "{legend}");
}

#[test]
fn nodes_without_a_position_are_listed_beside_it() {
    let nodes = [
        node("Hafen", 52.5, 13.4),
        MapNode { position: Position::Unset, ..node("Rathaus", 0.0, 0.0) },
        MapNode { position: Position::ShippedDefault, ..node("Schule", 0.0, 0.0) },
    ];
    let figure = map(&nodes).figure().into_string();
    assert_eq!(marks(&figure).len(), 1);
    let list = |heading: &str| within(within(&figure, heading, "</section>"), "<ul>", "</ul>").to_owned();
    assert!(list("Without a position").contains(">Rathaus</a>"), "{figure}");
    assert!(list("Still at the position").contains(">Schule</a>"), "{figure}");
    let all_placed = map(&nodes[..1]).figure().into_string();
    assert!(!all_placed.contains("<section"), "{all_placed}");
}

#[test]
fn names_do_not_cover_each_other() {
    let nodes: Vec<_> = (0..200).map(|number| node("Hafen", 52.5 + f64::from(number) * 1e-5, 13.4)).collect();
    let markup = map(&nodes).svg().into_string();
    assert_eq!(marks(&markup).len(), 200);
    let crowded = attributes(&markup, "text class=\"crowded\"", "x").len();
    assert!((150..200).contains(&crowded), "{crowded}");
    let spread: Vec<_> = (0..10).map(|number| node("Hafen", 52.5 + f64::from(number) * 0.01, 13.4)).collect();
    assert!(!map(&spread).svg().into_string().contains("crowded"));
}

#[test]
fn names_stay_text() {
    let nasty = "</title></a><script>alert(1)</script>\"><b>&";
    let nodes = [
        MapNode { href: nasty, summary: nasty, ..node(nasty, 52.5, 13.4) },
        MapNode { position: Position::Unset, href: nasty, ..node(nasty, 0.0, 0.0) },
    ];
    let figure = Map { title: nasty, ..map(&nodes) }.figure().into_string();
    assert!(!figure.contains("<script") && !figure.contains("<b>") && !figure.contains("style="), "{figure}");
}

#[test]
fn a_map_without_nodes_shows_the_world() {
    let figure = map(&[]).figure().into_string();
    assert!(figure.contains("km</text>") && !figure.contains("NaN"), "{figure}");
}

#[test]
fn the_grid_speaks_the_language() {
    let nodes = [node("A", 52.5, 13.4), node("B", 52.6, 13.5)];
    let german = Map { language: Language::German, ..map(&nodes) }.svg().into_string();
    assert!(german.contains(">13,4\u{b0}\u{a0}O</text>") && german.contains(">52,55\u{b0}\u{a0}N</text>"), "{german}");
}

#[test]
fn tiles_cover_the_picture_and_their_makers_are_named() {
    let ground = Ground { tiles: "/tiles/{z}/{x}/{y}.png", deepest: 19, attribution: "\u{a9} Makers <b>" };
    let nodes = [node("A", 52.5, 13.35), node("B", 52.52, 13.45)];
    let figure = Map { ground: Some(ground), ..map(&nodes) }.figure().into_string();
    let tiles = attributes(&figure, "image", "href");
    // The tile of this zoom in which the middle of Berlin lies.
    assert!(tiles.contains(&"/tiles/13/4400/2686.png"), "{tiles:?}");
    assert!((4..=16).contains(&tiles.len()), "{tiles:?}");
    let edge = |place: &str, size: &str| {
        let numbers = |name| attributes(&figure, "image", name).into_iter().map(percent).collect::<Vec<_>>();
        let (places, sizes) = (numbers(place), numbers(size));
        let ends = places.iter().zip(&sizes).map(|(place, size)| place + size);
        (places.iter().copied().fold(f64::MAX, f64::min), ends.fold(f64::MIN, f64::max))
    };
    for (from, to) in [edge("x", "width"), edge("y", "height")] {
        assert!(from <= 0.0 && to >= 100.0, "{from} {to}");
    }
    assert!(figure.contains(">\u{a9} Makers &lt;b&gt;</p>"), "{figure}");
    assert!(!map(&nodes).figure().into_string().contains("<image"));
}

#[test]
fn there_are_no_tiles_beyond_the_ends_of_the_world_and_no_deeper_ones_than_exist() {
    let ground = |deepest| Some(Ground { tiles: "{z}/{x}/{y}", deepest, attribution: "" });
    let world = [node("A", 84.0, -179.0), node("B", -84.0, 0.0), node("C", 80.0, 179.0)];
    let markup = Map { ground: ground(19), ..map(&world) }.svg().into_string();
    for tile in attributes(&markup, "image", "href") {
        let numbers: Vec<i64> = tile.split('/').map(|number| number.parse().unwrap()).collect();
        let count = 1 << numbers[0];
        assert!((0..count).contains(&numbers[1]) && (0..count).contains(&numbers[2]), "{tile}");
    }
    let alone = Map { ground: ground(12), ..map(&[node("A", 52.5, 13.4)]) }.svg().into_string();
    assert!(attributes(&alone, "image", "href").iter().all(|tile| tile.starts_with("12/")), "{alone}");
}
