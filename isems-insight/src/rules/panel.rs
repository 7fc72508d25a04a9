//! The rules of the panel, put together: its yield, its shade, and whether it is covered or disconnected.

use super::{Verdict, covered, panel_yield, shade};
use crate::{Evidence, FindingCode, Panel};

/// Judges the panel.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<Panel> {
    let (mut findings, mut unknown) = (Vec::new(), Vec::new());
    let mut panel = Panel::default();
    panel_yield::judge(evidence, &mut panel).into_part(&mut findings, &mut unknown);
    shade::judge(evidence, &mut panel).into_part(&mut findings, &mut unknown);
    covered::judge(evidence, &mut panel).into_part(&mut findings, &mut unknown);
    if panel.covered == Some(true) || panel.disconnected == Some(true) {
        // One cause is enough.
        findings.retain(|finding| !matches!(finding.code, FindingCode::PanelYieldLow | FindingCode::PanelShaded));
        panel.suspected_shade.clear();
    }
    Verdict { part: panel, findings, unknown }
}
