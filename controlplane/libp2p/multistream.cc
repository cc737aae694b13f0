#include "controlplane/libp2p/multistream.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "controlplane/libp2p/varint.h"

namespace noisegate::libp2p {
namespace {

constexpr std::string_view kNotAvailable = "na";
constexpr std::string_view kList = "ls";

}  // namespace

std::string_view ToString(MultistreamError error) {
  switch (error) {
    case MultistreamError::kNone:
      return "no error";
    case MultistreamError::kMalformedLine:
      return "a multistream line is malformed";
    case MultistreamError::kLineTooLong:
      return "a multistream line is over 1,024 bytes";
    case MultistreamError::kBadHeader:
      return "the other side does not speak multistream-select 1.0";
    case MultistreamError::kTooManyProposals:
      return "the other side proposed too many protocols";
    case MultistreamError::kNoneAgreed:
      return "the other side speaks none of the proposed protocols";
    case MultistreamError::kUnexpectedAnswer:
      return "the other side answered a protocol that was not proposed";
    case MultistreamError::kTruncated:
      return "the other side ended during protocol negotiation";
  }
  return "unknown error";
}

void AppendMultistreamLine(std::string_view text, std::vector<uint8_t>& out) {
  AppendVarint(text.size() + 1, out);
  out.insert(out.end(), text.begin(), text.end());
  out.push_back('\n');
}

size_t MultistreamLines::Next(std::span<const uint8_t> bytes,
                              std::optional<std::string_view>& line) {
  if (std::exchange(line_taken_, false)) buffer_.clear();
  size_t used = 0;
  line.reset();
  while (error_ == MultistreamError::kNone) {
    const Varint size = ReadVarint(buffer_);
    if (size.state == Varint::State::kMalformed ||
        (size.state == Varint::State::kOk && size.value == 0)) {
      error_ = MultistreamError::kMalformedLine;
    } else if (size.value > kMaxMultistreamLine) {
      error_ = MultistreamError::kLineTooLong;
    } else if (size.state == Varint::State::kOk && buffer_.size() == size.size + size.value) {
      if (buffer_.back() != '\n') error_ = MultistreamError::kMalformedLine;
      line_taken_ = true;
      line.emplace(reinterpret_cast<const char*>(buffer_.data()) + size.size, size.value - 1);
      break;
    } else if (used == bytes.size()) {
      break;
    } else {
      const size_t want =
          size.state == Varint::State::kIncomplete ? 1 : size.size + size.value - buffer_.size();
      const auto from = bytes.begin() + static_cast<ptrdiff_t>(used);
      const size_t n = std::min<size_t>(want, bytes.size() - used);
      buffer_.insert(buffer_.end(), from, from + static_cast<ptrdiff_t>(n));
      used += n;
    }
  }
  if (error_ != MultistreamError::kNone) line.reset();
  return used;
}

size_t MultistreamNegotiation::Receive(std::span<const uint8_t> bytes) {
  size_t used = 0;
  while (state_ == MultistreamState::kRunning) {
    std::optional<std::string_view> line;
    used += lines_.Next(bytes.subspan(used), line);
    if (lines_.error() != MultistreamError::kNone) Fail(lines_.error());
    if (!line) break;
    if (header_seen_) {
      HandleLine(*line);
    } else if (*line == kMultistreamHeader) {
      header_seen_ = true;
      HandleHeader();
    } else {
      Fail(MultistreamError::kBadHeader);
    }
  }
  return used;
}

void MultistreamNegotiation::ReceiveEnd() {
  if (state_ == MultistreamState::kRunning) Fail(MultistreamError::kTruncated);
}

std::vector<uint8_t> MultistreamNegotiation::TakeOutput() { return std::exchange(output_, {}); }

void MultistreamNegotiation::Send(std::span<const uint8_t> bytes) {
  output_.insert(output_.end(), bytes.begin(), bytes.end());
}

void MultistreamNegotiation::Agree(std::string_view protocol) {
  protocol_ = protocol;
  state_ = MultistreamState::kAgreed;
}

void MultistreamNegotiation::Fail(MultistreamError error) {
  state_ = MultistreamState::kFailed;
  error_ = error;
}

void MultistreamListener::HandleLine(std::string_view line) {
  if (++proposals_ > kMaxProposals) return Fail(MultistreamError::kTooManyProposals);
  if (line == kList) {
    std::vector<uint8_t> lines, list;
    for (const std::string& protocol : protocols_) AppendMultistreamLine(protocol, lines);
    AppendVarint(lines.size() + 1, list);
    list.insert(list.end(), lines.begin(), lines.end());
    list.push_back('\n');
    return Send(list);
  }
  if (std::ranges::find(protocols_, line) == protocols_.end()) return Send(kNotAvailable);
  Send(line);
  Agree(line);
}

MultistreamDialler::MultistreamDialler(std::vector<std::string> protocols)
    : MultistreamNegotiation(std::move(protocols)) {
  assert(!protocols_.empty());
  Send(kMultistreamHeader);
  Send(protocols_[0]);
}

void MultistreamDialler::HandleLine(std::string_view line) {
  if (line == protocols_[proposal_]) {
    Agree(line);
  } else if (line != kNotAvailable) {
    Fail(MultistreamError::kUnexpectedAnswer);
  } else if (proposal_ + 1 == protocols_.size()) {
    Fail(MultistreamError::kNoneAgreed);
  } else {
    Send(protocols_[++proposal_]);
  }
}

}  // namespace noisegate::libp2p
