//! The OpenAPI document and the pages.

use std::{collections::HashSet, env, fs, path::Path};

use isems_core::Field;
use reqwest::StatusCode;
use serde_json::Value;

use super::TestService;

/// A difference is a change of the interface. If it is intended, `UPDATE_GOLDEN=1 cargo test` writes the new document.
#[tokio::test]
async fn the_document_is_the_golden_file() {
    let service = TestService::start().await;
    let document = service.json("/openapi.json").await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/server/openapi.json");
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert!(text == golden, "the document differs from {}; UPDATE_GOLDEN=1 writes it anew", path.display());
}

#[tokio::test]
async fn every_operation_is_described() {
    let service = TestService::start().await;
    let document = service.json("/openapi.json").await;
    let mut ids = HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            for key in ["summary", "description", "operationId"] {
                assert!(operation[key].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {key}");
            }
            assert!(ids.insert(operation["operationId"].clone()), "{name} shares its id");
            for parameter in operation["parameters"].as_array().unwrap_or(&Vec::new()) {
                assert!(parameter["description"].is_string(), "{name}: {} has no description", parameter["name"]);
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(!response["description"].as_str().unwrap().is_empty(), "{name}: {status} has no description");
            }
        }
    }
    assert_eq!(ids.len(), 29);
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
            let described =
                schema["description"].is_string() || schema["$ref"].is_string() || schema["allOf"].is_array();
            assert!(described, "{name}.{property} has no description");
        }
    }
    let example = &document["components"]["schemas"]["OriginalMeasurement"]["example"];
    assert_eq!(example["nodeId"], "Elektra-Dach");
}

#[tokio::test]
async fn measurements_are_described_by_the_table_of_fields() {
    let service = TestService::start().await;
    let document = service.json("/openapi.json").await;
    let schema = &document["components"]["schemas"]["Measurement"]["properties"];
    assert_eq!(schema.as_object().unwrap().len(), Field::ALL.len());
    for field in Field::ALL {
        let property = &schema[field.name()];
        // The framework leaves out what stands beside a reference.
        if property["$ref"].is_null() {
            assert_eq!(property["description"], field.description(), "{field}");
        }
    }
}

#[tokio::test]
async fn a_path_has_all_its_operations() {
    let service = TestService::start().await;
    let text = service.get("/openapi.json").await.text().await.unwrap();
    assert_eq!(text.matches("\"/api/v1/nodes/{nodeId}\": {").count(), 1, "a name twice is read in as many ways");
    let document: Value = serde_json::from_str(&text).unwrap();
    for method in ["get", "delete"] {
        assert!(document["paths"]["/api/v1/nodes/{nodeId}"][method].is_object(), "{method}");
    }
}

#[tokio::test]
async fn the_documentation_needs_no_other_host() {
    let service = TestService::start().await;
    let response = service.get("/docs").await;
    assert_eq!(response.status(), StatusCode::OK);
    let page = response.text().await.unwrap();
    assert!(page.contains("SwaggerUIBundle") && page.contains("latestMeasurements"));
    for tag in ["<script src=", "<link href=\"http", "<link rel=\"stylesheet\" href=\"http"] {
        assert!(!page.contains(tag), "the page loads something: {tag}");
    }
}

#[tokio::test]
async fn the_example_matches_what_is_served() {
    let service = TestService::start().await;
    service.deliver(&super::line("Elektra-Dach", 1_530_364_575)).await;
    let document = service.json("/openapi.json").await;
    let example = document["components"]["schemas"]["OriginalMeasurement"]["example"].clone();
    let answer = service.json("/measurements/Elektra-Dach/latest").await;
    let normal = |value: &Value| {
        let fields = value.as_object().unwrap().iter();
        fields
            .map(|(name, value)| (name.clone(), value.as_f64().map_or(value.clone(), Value::from)))
            .collect::<Vec<_>>()
    };
    assert_eq!(normal(&answer["measurements"][0]), normal(&example));
}
