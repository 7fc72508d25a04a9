//! The German texts of findings.

use isems_insight::FindingCode;

use crate::texts::FindingTexts;

/// The advice for a clock that is not right.
const TIME_SERVER: &str = "Dem Knoten einen Zeitserver geben, den er erreicht.";

/// The advice for a position that nobody has entered.
const POSITION: &str = "Breite und Länge in den Einstellungen des Knotens eintragen.";

/// The advice for measurements that come late or never.
const LINK: &str = "Die Funkverbindung zum Knoten ansehen.";

#[expect(clippy::too_many_lines, reason = "it is a table")]
pub(crate) fn finding(code: FindingCode) -> FindingTexts {
    let (title, meaning, advice) = match code {
        FindingCode::LoadOffPredicted => (
            "wird sich abschalten",
            "Der Akku wird voraussichtlich bis zur Abschaltschwelle entladen; dann schaltet der Laderegler das Funkgerät ab.",
            "Vorher einen geladenen Akku bringen oder den Verbrauch senken.",
        ),
        FindingCode::RanEmpty => (
            "Akku leer",
            "Der Akku war bis zur Abschaltschwelle entladen, und der Laderegler hat das Funkgerät abgeschaltet.",
            "Auf die Sonne warten, wenn der Knoten bald zurückerwartet wird; sonst einen geladenen Akku bringen.",
        ),
        FindingCode::ReserveLow => (
            "Reserve zu klein",
            "Der Akku reicht nicht über einen dunklen Tag.",
            "Einen größeren Akku oder weniger Verbrauch einplanen.",
        ),
        FindingCode::WinterReserveLow => (
            "Reserve zu klein für den Winter",
            "Der Akku wird im Dezember nicht über einen dunklen Tag reichen.",
            "Vor dem Winter einen größeren Akku oder ein größeres Modul einplanen.",
        ),
        FindingCode::Silent => (
            "still",
            "Seit drei seiner üblichen Abstände ist vom Knoten nichts angekommen.",
            "Die Ursache ansehen und hingehen, wenn er nicht bald zurückerwartet wird.",
        ),
        FindingCode::ControllerLost => (
            "Laderegler antwortet nicht",
            "Der Laderegler antwortet nicht; alle anderen Messwerte sind damit ungültig.",
            "Das Kabel zwischen Laderegler und Funkgerät prüfen und den Laderegler selbst.",
        ),
        FindingCode::TemperatureSensorMissing => (
            "Temperaturfühler fehlt",
            "Der Akku hat keinen Temperaturfühler und wird darum geladen, als hätte er 25 Grad.",
            "Einen Temperaturfühler am Akku anschließen.",
        ),
        FindingCode::BatteryOverheating => (
            "Akku zu heiß",
            "Der Akku hat 40 Grad oder mehr und altert dadurch schnell.",
            "Den Akku beschatten oder belüften.",
        ),
        FindingCode::BatteryCold => (
            "Akku sehr kalt",
            "Der Akku hat minus 10 Grad oder weniger; leer kann er einfrieren.",
            "Den Akku dämmen und geladen halten.",
        ),
        FindingCode::BatteryDue => (
            "Akku muss ersetzt werden",
            "Der Akku hat so viel Kapazität verloren, dass er ersetzt werden muss.",
            "Beim nächsten Besuch einen neuen Akku mitbringen.",
        ),
        FindingCode::BatteryNotFull => (
            "Akku wird nie voll",
            "Der Akku war seit zwei Wochen oder länger nicht mehr voll und sulfatiert.",
            "Ihn einmal ganz aufladen und nach Schmutz, Schatten oder einem zu kleinen Modul sehen.",
        ),
        FindingCode::DeepNights => (
            "nachts tief entladen",
            "Der Akku wird in vielen Nächten tief entladen und verschleißt dadurch.",
            "Einen größeren Akku, ein größeres Modul oder weniger Verbrauch einplanen.",
        ),
        FindingCode::CapacityTooSmall => (
            "Akku zu klein für sein Modul",
            "Der Akku ist zu klein für das Modul, das ihn lädt.",
            "Größe und Verschleiß des Akkus prüfen und die Einstellungen von Kapazität und Modul.",
        ),
        FindingCode::PanelYieldLow => (
            "Modul bringt wenig",
            "Das Modul bringt viel weniger als die anderen Module des Netzes beim selben Wetter.",
            "Nach Schmutz, Schnee, neuem Schatten oder einem losen Kabel sehen.",
        ),
        FindingCode::PanelShaded => (
            "Modul verschattet",
            "Dem Modul fehlt bei bestimmten Sonnenständen Licht, das die Nachbarn haben.",
            "In dieser Richtung nach einem Baum, einem Mast oder einer Wand sehen; das Modul versetzen oder freischneiden.",
        ),
        FindingCode::PanelCovered => (
            "Modul verdeckt",
            "Das Modul bekommt am Tag kaum Licht, während die Nachbarn es haben, als wäre es verdeckt.",
            "Das Modul freimachen; nach Frost kann es Schnee sein, der von selbst taut.",
        ),
        FindingCode::PanelDisconnected => (
            "Modul nicht verbunden",
            "Vom Modul kommt am Tag keine Spannung, während die Nachbarn laden.",
            "Kabel und Sicherung des Moduls prüfen.",
        ),
        FindingCode::UnplannedReboots => (
            "ungeplante Neustarts",
            "Der Knoten ist wiederholt neu gestartet, obwohl kein Neustart geplant war.",
            "Nach einem Wackelkontakt, einem schwachen Akku oder einem Absturz im Protokoll des Knotens sehen.",
        ),
        FindingCode::PositionUnset => ("Position fehlt", "Der Knoten meldet keine Position.", POSITION),
        FindingCode::PositionDefault => (
            "Position nie eingestellt",
            "Der Knoten meldet die Position, mit der die Firmware ausgeliefert wird.",
            POSITION,
        ),
        FindingCode::PositionJumped => (
            "Position gesprungen",
            "Die Position des Knotens ist gesprungen.",
            "Prüfen, ob der Knoten umgezogen ist und ob kein anderer seinen Namen benutzt.",
        ),
        FindingCode::RatingsDefault => (
            "Akku und Modul nie eingestellt",
            "Der Knoten meldet die Akkukapazität und die Modulleistung, mit denen die Firmware ausgeliefert wird.",
            "Nennkapazität des Akkus und Nennleistung des Moduls in den Einstellungen des Knotens eintragen.",
        ),
        FindingCode::IdDefault => (
            "Name nie eingestellt",
            "Der Knoten hat den Namen, mit dem die Firmware ausgeliefert wird.",
            "Dem Knoten einen eigenen Namen geben.",
        ),
        FindingCode::IdShared => (
            "Name doppelt vergeben",
            "Zwei Knoten haben denselben Namen; ihre Messungen sind vermischt.",
            "Einem der beiden Knoten einen anderen Namen geben.",
        ),
        FindingCode::CapacityImplausible => (
            "Akkukapazität unplausibel",
            "Die Akkukapazität in den Einstellungen des Knotens ist unplausibel.",
            "Die Nennkapazität des Akkus in den Einstellungen des Knotens berichtigen.",
        ),
        FindingCode::PanelImplausible => (
            "Modulleistung unplausibel",
            "Die Modulleistung in den Einstellungen des Knotens ist unplausibel.",
            "Die Nennleistung des Moduls in den Einstellungen des Knotens berichtigen.",
        ),
        FindingCode::CutOffImplausible => (
            "Abschaltspannung unplausibel",
            "Die Abschaltspannung in den Einstellungen des Knotens ist unplausibel.",
            "Die Abschaltspannung in den Einstellungen des Knotens auf 11 bis 12 Volt setzen.",
        ),
        FindingCode::ClockUnset => (
            "Uhr nicht gestellt",
            "Die Uhr des Knotens ist nicht gestellt; seine Messungen werden nach ihrer Ankunft datiert.",
            TIME_SERVER,
        ),
        FindingCode::ClockSkewed => ("Uhr geht falsch", "Die Uhr des Knotens geht falsch.", TIME_SERVER),
        FindingCode::ClockDrifting => {
            ("Uhr läuft weg", "Die Uhr des Knotens entfernt sich immer weiter von der richtigen Zeit.", TIME_SERVER)
        }
        FindingCode::DataIncomplete => {
            ("Messungen fehlen", "Ein großer Teil der Messungen der letzten Tage fehlt.", LINK)
        }
        FindingCode::DeliveredLate => {
            ("Messungen verspätet", "Viele Messungen der letzten Tage kamen verspätet an.", LINK)
        }
    };
    FindingTexts { title, meaning, advice }
}
