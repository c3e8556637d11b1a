//! A request as the API reads it, and an answer as it writes it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::error::ApiError;

/// A request whose body has been read. Path and query are the raw bytes of the request line: they are what was signed,
/// and a path segment may hold encoded slashes.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The method.
    pub method: Method,
    /// The raw path.
    pub path: String,
    /// The raw query, empty for none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Incoming {
    /// The header's text, if it is there once and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}

/// An answer of any of the services.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The media type.
    pub content_type: &'static str,
    /// The error's type, for `x-amzn-ErrorType`.
    pub error_type: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// JSON with status 200.
    pub fn json(body: &Value) -> Self {
        Self { status: StatusCode::OK, content_type: "application/json", error_type: None, body: bytes_of(body) }
    }

    /// An error of a JSON service.
    pub fn json_error(error: &ApiError, cluster: Option<&str>) -> Self {
        let mut body = json!({ "message": error.message });
        if let (true, Some(cluster), Some(object)) = (error.names_cluster(), cluster, body.as_object_mut()) {
            object.insert("clusterName".to_owned(), json!(cluster));
        }
        Self {
            status: error.status,
            content_type: "application/json",
            error_type: Some(error.code),
            body: bytes_of(&body),
        }
    }

    /// The HTTP response.
    pub fn into_response(self, request_id: &str) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert("x-amzn-requestid", id);
        }
        if let Some(error_type) = self.error_type {
            headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
        }
        response
    }
}

fn bytes_of(body: &Value) -> Vec<u8> {
    // A `Value` always has a JSON form.
    serde_json::to_vec(body).unwrap_or_default()
}
