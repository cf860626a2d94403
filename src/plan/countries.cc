// SPDX-License-Identifier: Apache-2.0

#include "plan/countries.h"

namespace altteul::plan {
namespace {

constexpr Country kCountries[] = {
    {"AE", "United Arab Emirates", "아랍에미리트", false},
    {"AT", "Austria", "오스트리아", true},
    {"AU", "Australia", "호주", false},
    {"BE", "Belgium", "벨기에", true},
    {"BG", "Bulgaria", "불가리아", true},
    {"BR", "Brazil", "브라질", false},
    {"CA", "Canada", "캐나다", false},
    {"CH", "Switzerland", "스위스", false},
    {"CN", "China", "중국", false},
    {"CY", "Cyprus", "키프로스", true},
    {"CZ", "Czechia", "체코", true},
    {"DE", "Germany", "독일", true},
    {"DK", "Denmark", "덴마크", true},
    {"EE", "Estonia", "에스토니아", true},
    {"ES", "Spain", "스페인", true},
    {"EU", "European Union", "유럽연합", true},
    {"FI", "Finland", "핀란드", true},
    {"FR", "France", "프랑스", true},
    {"GB", "United Kingdom", "영국", false},
    {"GR", "Greece", "그리스", true},
    {"HK", "Hong Kong", "홍콩", false},
    {"HR", "Croatia", "크로아티아", true},
    {"HU", "Hungary", "헝가리", true},
    {"ID", "Indonesia", "인도네시아", false},
    {"IE", "Ireland", "아일랜드", true},
    {"IL", "Israel", "이스라엘", false},
    {"IN", "India", "인도", false},
    {"IS", "Iceland", "아이슬란드", false},
    {"IT", "Italy", "이탈리아", true},
    {"JP", "Japan", "일본", false},
    {"KR", "South Korea", "한국", false},
    {"LT", "Lithuania", "리투아니아", true},
    {"LU", "Luxembourg", "룩셈부르크", true},
    {"LV", "Latvia", "라트비아", true},
    {"MT", "Malta", "몰타", true},
    {"MX", "Mexico", "멕시코", false},
    {"MY", "Malaysia", "말레이시아", false},
    {"NL", "Netherlands", "네덜란드", true},
    {"NO", "Norway", "노르웨이", false},
    {"PH", "Philippines", "필리핀", false},
    {"PL", "Poland", "폴란드", true},
    {"PT", "Portugal", "포르투갈", true},
    {"RO", "Romania", "루마니아", true},
    {"RU", "Russia", "러시아", false},
    {"SA", "Saudi Arabia", "사우디아라비아", false},
    {"SE", "Sweden", "스웨덴", true},
    {"SG", "Singapore", "싱가포르", false},
    {"SI", "Slovenia", "슬로베니아", true},
    {"SK", "Slovakia", "슬로바키아", true},
    {"TH", "Thailand", "태국", false},
    {"TW", "Taiwan", "대만", false},
    {"US", "United States", "미국", false},
    {"VN", "Vietnam", "베트남", false},
};

}  // namespace

std::span<const Country> Countries() { return kCountries; }

const Country* FindCountry(std::string_view code) {
  for (const Country& country : kCountries) {
    if (country.code == code) return &country;
  }
  return nullptr;
}

}  // namespace altteul::plan
