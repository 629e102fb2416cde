#include "reconciler/base/status.h"

namespace slipway {

std::string_view codeName(Code code) {
  switch (code) {
    case Code::Ok:
      return "Ok";
    case Code::NotFound:
      return "NotFound";
    case Code::AlreadyExists:
      return "AlreadyExists";
    case Code::Conflict:
      return "Conflict";
    case Code::Expired:
      return "Expired";
    case Code::Invalid:
      return "Invalid";
    case Code::Denied:
      return "Denied";
    case Code::Unavailable:
      return "Unavailable";
    case Code::Timeout:
      return "Timeout";
    case Code::ResourceExhausted:
      return "ResourceExhausted";
    case Code::Cancelled:
      return "Cancelled";
    case Code::OutcomeUnknown:
      return "OutcomeUnknown";
    case Code::DataLoss:
      return "DataLoss";
    case Code::Internal:
      return "Internal";
  }
  return "Internal";
}

Status Status::withContext(std::string_view context) const {
  if (isOk()) {
    return *this;
  }
  return {code_, std::string(context) + ": " + message_};
}

std::string Status::toString() const {
  if (isOk()) {
    return "Ok";
  }
  return std::string(codeName(code_)) + ": " + message_;
}

}  // namespace slipway
