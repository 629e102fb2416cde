#include "reconciler/apiserver/http_message.h"

namespace slipway::apiserver {

std::string HttpRequest::header(std::string_view lowerCaseName) const {
  for (const auto& [name, value] : headers) {
    if (name == lowerCaseName) {
      return value;
    }
  }
  return {};
}

std::string HttpRequest::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

bool HttpRequest::hasParameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) {
      return true;
    }
  }
  return false;
}

}  // namespace slipway::apiserver
