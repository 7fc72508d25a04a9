//! Subscribes to the measurements of solar mesh nodes at an MQTT broker for isems-core.
