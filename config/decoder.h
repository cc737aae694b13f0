// Walks a YAML tree along the key table into the structs of config.h, and collects what is wrong.
#ifndef NOISEGATE_CONFIG_DECODER_H_
#define NOISEGATE_CONFIG_DECODER_H_

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/key_table.h"
#include "config/yaml_tree.h"

namespace noisegate::config {

// A file with more problems than this is not a config; the rest is left out.
inline constexpr size_t kMaxProblems = 1'000;

class Decoder {
 public:
  explicit Decoder(std::string file) : file_(std::move(file)) {}
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Reads `node`'s members into `owner`, the struct that `section` stands for.
  void DecodeSection(const Node& node, const Section& section, void* owner);

  // Problems at the path of the enclosing Steps, or at any other.
  void Report(int line, std::string message) { ReportAt(line, path_, std::move(message)); }
  void ReportAt(int line, std::string path, std::string message);
  size_t num_problems() const { return num_problems_; }
  // Whether something is known to be wrong at exactly this path.
  bool HasProblemAt(std::string_view path) const;
  std::vector<Problem> TakeProblems();  // in the order of lines

  // Is inside a key or an item for as long as it lives.
  class Step {
   public:
    Step(Decoder& decoder, std::string_view key);
    Step(Decoder& decoder, size_t index);
    ~Step() { decoder_.path_.resize(size_); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Decoder& decoder_;
    const size_t size_;
  };

 private:
  std::string PathOf(std::string_view key) const;
  void ReportUnknownKey(const Node& member, const Section& section);

  std::string file_;
  std::string path_;
  std::vector<Problem> problems_;
  size_t num_problems_ = 0;  // those left out of problems_ included
};

// `text` as messages show it: at most 60 characters, '?' for what a terminal might act on; and in
// quotes.
std::string Printable(std::string_view text);
std::string Quote(std::string_view text);

// The candidate nearest to `word`, or "" where none is near enough to be meant.
std::string_view Nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace noisegate::config

#endif  // NOISEGATE_CONFIG_DECODER_H_
