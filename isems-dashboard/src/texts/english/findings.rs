//! The English texts of findings. Meaning and advice are those of the HTTP service.

use isems_insight::FindingCode;

use crate::texts::FindingTexts;

pub(crate) fn finding(code: FindingCode) -> FindingTexts {
    let title = match code {
        FindingCode::LoadOffPredicted => "will switch off",
        FindingCode::RanEmpty => "ran empty",
        FindingCode::ReserveLow => "reserve too small",
        FindingCode::WinterReserveLow => "reserve too small for winter",
        FindingCode::Silent => "silent",
        FindingCode::ControllerLost => "solar controller lost",
        FindingCode::TemperatureSensorMissing => "temperature sensor missing",
        FindingCode::BatteryOverheating => "battery too hot",
        FindingCode::BatteryCold => "battery very cold",
        FindingCode::BatteryDue => "battery due for replacement",
        FindingCode::BatteryNotFull => "battery never full",
        FindingCode::DeepNights => "discharged deeply at night",
        FindingCode::CapacityTooSmall => "battery too small for its panel",
        FindingCode::PanelYieldLow => "panel yields little",
        FindingCode::PanelShaded => "panel shaded",
        FindingCode::PanelCovered => "panel covered",
        FindingCode::PanelDisconnected => "panel disconnected",
        FindingCode::UnplannedReboots => "unplanned reboots",
        FindingCode::PositionUnset => "position missing",
        FindingCode::PositionDefault => "position never set",
        FindingCode::PositionJumped => "position jumped",
        FindingCode::RatingsDefault => "battery and panel never set",
        FindingCode::IdDefault => "name never set",
        FindingCode::IdShared => "name used by two nodes",
        FindingCode::CapacityImplausible => "battery capacity implausible",
        FindingCode::PanelImplausible => "panel power implausible",
        FindingCode::CutOffImplausible => "cut-off voltage implausible",
        FindingCode::ClockUnset => "clock not set",
        FindingCode::ClockSkewed => "clock wrong",
        FindingCode::ClockDrifting => "clock drifting",
        FindingCode::DataIncomplete => "measurements missing",
        FindingCode::DeliveredLate => "measurements late",
    };
    FindingTexts { title, meaning: code.meaning(), advice: code.advice() }
}
