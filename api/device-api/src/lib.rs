//! The device's REST API: types, routes and OpenAPI document
