"""Rows with personal data and with what looks like it, made from a seed: half the labelled set.

The other half, `tests/data/personal.jsonl`, was written by hand. Values are published examples,
ranges reserved for fiction, or made up; keys are random, and put together only here.
"""

import random
import string
from collections.abc import Iterator

Piece = str | list[str]
"""Text, or a kind and the parts of a value; the kind `-` is a value that only looks like one."""

LETTERS = string.ascii_letters
BASE62 = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
SEED = 20_240

EMAILS = """anna@example.com;anna.berg@example.org;a_b-c@example.net;user+tag@example.co.uk
n.d.o@mail.example.com;mike1984@example.de;sales%eu@example.com;x_y@a.b.example.org
ÉLISE@example.fr;dr.who@tardis.example;zoë@example.nl;ops-team@example.io
1234567@example.com;q@example.com;long.name.of.a.person@department.example.ac.uk"""
EMAIL_TEXTS = r"""Mail {} today.|<{}>|to={}, cc=|My address is {}; write soon.|({})|"{}"|e-mail:{}
author = "A <{}>"|Please ask {}?|{}|login {} failed|mailto:{}|ping {}\nthanks|user '{}' exists"""
PHONE_TEXTS = r"""Call {} now.|phone: {}|Tel. {}|my number is {} at home|({})|Fax {}, ext. 4
{} is the hotline|tel:{}|"phone": "{}"|reach me at {}.|Mobile {}\nHome -|WhatsApp {}!"""
RANGES = """(212) 555-01##;415-555-01##;+1 646 555 01##;1-312-555-01##;202.555.01##;+120255501##
+1 (305) 555-01##;020 7946 0###;0113 496 0###;01632 960###;07700 900###;+44 1632 960###
+44 7700 900###;+44 (0)20 7946 0###;+442079460###;01 99 00 ## ##;06 39 98 ## ##;+33 1 99 00 ## ##
030 23125###;0171 39200##;+49 171 39200##;030/23125 ###;(02) 5550 ####;0491 570 ###;+61 491 570 ###
070-174 06 ##;+46 8 465 004 ##;08-465 004 ##;+353 20 913 ####;020 913 ####"""
NAMED_RANGES = "555-01##;20255501##;212 555 01##;(0)7700 900###;07700900###;600 123 4##"
NAMED_TEXTS = "Call {} now.|phone: {}|Tel. {}|Mobile {}!|WhatsApp {}|tel={}"
CARDS = """4242424242424242;4000056655665556;5555555555554444;2223003122003222;5200828282828210
5105105105105100;378282246310005;371449635398431;6011111111111117;6011000990139424
3056930009020004;36227206271667;3566002020360505;6200000000000005;4000002500003155
4111111111111111;4012888888881881;30569309025904;38520000023237;6304000000000000"""
CARD_TEXTS = """card {}|Pay with {} please.|cc={};|{} exp 11/29|number: "{}"|charged to {}, thanks
Visa/MC {} (primary)|My card, {}, was lost.|PAN {}|card_no,{},12/27"""
IBANS = """AD1200012030200359100100;AE070331234567890123456;AT611904300234573201;BE68539007547034
BG80BNBG96611020345678;BR1800360305000010009795493C1;CY17002001280000001200527600
CZ6508000000192000145399;EE382200221020145685;ES9121000418450200051332
FO6264600001631634;GI75NWBK000000007099453;GL8964710001000206;HR1210010051863000160
HU42117730161111101800000000;IL620108000000099999999;IS140159260076545510730339
KZ86125KZT5004100100;LI21088100002324013AA;LT121000011101001000;LV80BANK0000435195001
MC5811222000010123456789030;MT84MALT011000012345MTLCAST001S;RO49AAAA1B31007593840000
SI56263300012039086;SK3112000000198742637541;SM86U0322509800000000270100
UA213223130000026007233566001;XK051212012345678906;QA58DOHB00001234567890ABCDEFG"""
IBAN_TEXTS = """IBAN {}|transfer to {}.|account {} (EUR)|{}|iban={}&amount=20|Konto: {}, danke
pay {} BIC unknown|"{}",150.00"""
IDS = """SSN {}:111-22-3333,222-33-4444,123-45-6789|social security {}:111223333,222 33 4444
insured: {}:AB123456D,CE 65 43 21 A,JG 12 12 12 B|NHS number {}:999 000 1111,4010232137
Steuer-ID {}:12345678995,23 456 789 056|IdNr. {}:12345678995
NIR {}:279033398765436,2 79 03 33 987 654 36|DNI {}:11223344B,98765432M,00112233-Q
NIE {}:Y7654321G,Z1122334P,X-0011223-E|codice {}:BNCLCU90A41H501W,VRDGPP75M15F205F
BSN {}:987654329,1020.30.406,112233442|PESEL: {}:90010112349,02210200005
titular {}:123.456.789-09,987.654.321-00|CPF {}:24681357928,98765432100
Aadhaar {}:2030 4050 6074,987654321012|holder {}:ABCPD1234E,AAAPZ9876Q
SIN {}:901 234 567,555-444-330|TFN {}:112233443,246 813 575
Personnummer {}:900101-1239,640823-3234|född {}:19850615-2464|hetu {}:010190-123M,150505A123Y
RRN {}:90.01.01-123.95|AHV {}:756.1111.2222.39,7569876543217|fødselsnr. {}:15057523414
身份证 {}:110101199001011237,310101198512314566|RRN: {}:900101-1234568
NRIC {}:S7654321F,T0123456G,F1122334Q|CURP {}:GOMC900101HDFMRR06|ID number {}:9001015009086"""
PUBLIC = """192.0.2.{};198.51.100.{};203.0.113.{};2001:db8::{};2001:db8:0:{}::1
2001:db8:85a3:8d3:1319:8a2e:370:{}"""
IP_TEXTS = """from {} port 22|ip={}|[{}] refused|host {} is down|{} - - "GET /"|client {}, again
seen at {}.|route add {} via|src={} dst=-|blocked {}!"""
MACS = "00:00:5e:00:53:{};00-00-5E-00-53-{};0000.5e00.53{};3c:5a:b4:12:9f:{};A4-83-E7-00-1B-{}"
MAC_TEXTS = "mac {}|ether {} up|device ({}) left|hwaddr={}|{} -> ap|bssid {}, -40 dBm"
KEYS = """AKIA:A16|ghp_:B36|gho_:B36|glpat-:B20|xoxp-:B40|sk_test_:B24|rk_live_:B24|AIza:B35
sk-proj-:B48|sk-ant-api03-:B95|hf_:L34|npm_:B36|pypi-AgEIcHlwaS5vcmc:B70|dop_v1_:H64
gsk_:B52|hvs.:B40|GOCSPX-:B28|github_pat_:B82|whsec_:B32|dckr_pat_:B27|ASIA:A16"""
KEY_TEXTS = "key {}|export KEY={}|use '{}' here|{}|token: {}|auth({}) # test|-H 'X-Key: {}'"
ASSIGNED = """password={};DB_PASSWORD: {};"pwd": "{}",;my password is {}.;passwd: '{}';passphrase={}
postgres://app:{}@db.example.com/x;secret = "{}";api_key: {};token='{}';client_secret={}&x=1
https://user:{}@git.example.org/r.git;PASSWORD: "{}";access_key => '{}';Authorization: Bearer {}"""
LOOKALIKES = """@maria;@app.get("/");@property;@2x;foo@1.2.3;git@github.com;img@2x.png;$5 @ 3
user@host
1,234-567;48/2=<<48/2=24>>24;12*12=144;1200-450-300;2.50+3.75;1/2 + 3/4;3.14159265358979
2024-08-17;17.08.2024;08/17/2024;2024-08-17T10:11:12Z;12:30:45.123;1999-2004;10:15-11:45
3.2.1.0;v10.4.2.1;1.0.0-beta.2;2.13.0+cu126;0.0.0.0;127.0.0.1;10.20.30.40;192.168.0.17;172.16.5.4
255.255.255.0;169.254.1.1;224.0.0.1;fe80::1;::1;fd00::12;1.2.3.4.5;256.1.1.1;12.34.56
978-3-16-148410-0;0-19-853453-1;9780306406157;4006381333931;036000291452;ISSN 0317-8471
4242424242424243;4111 1111 1111 1112;1234567812345678;9999888877776666;5555555555554440
378282246310006;1234 5678 9012 3456;00000000000000000;7777 7777 7777 7777;3000 4000 5000 6000
DE88370400440532013000;GB00NWBK60161331926819;FR7630006000011234567890180;XX12345678901234567890
000-12-3456;900-12-3456;666-45-6789;123-00-6789;123-45-0000;QQ123456C;BG123456A;AB123456E
11223344A;X1234567A;123.456.789-00;90.01.01-123.94;756.1111.2222.38;900101-1230;010190-123A
123456789;987654321;12345678901;123456789012;1234567890123;112 233 442;44 051 401 359
d41d8cd98f00b204e9800998ecf8427e;da39a3ee5e6b4b0d3255bfef95601890afd80709;0xdeadbeef;#ff8800
123e4567-e89b-12d3-a456-426614174000;6ba7b810-9dad-11d1-80b4-00c04fd430c8;SHA256:abc/def+123
1712150000;1712150000123;20240817101112;1Z999AA10123456784;JD014600003828382312;INV-2024-0042
SKU-800-2231;A4-2200-1100;LH 2024;MH17;B0 12 34;XJ9000;COVID-19;H2O2;RTX-4090-24GB;ISO 8601
100 200 300;100, 200, 300;1 000 000;12 500 000;1.234.567,89;+15%;+12 500 000;-40 000;1e-9;2^31
01 02 03 04 05 06;07 14 21 28 35 42;2018 2019 2020 2021;1-2-3-4-5;10-20-30;5-4=1;555-1234
password=;password: ********;password=$PW;pwd;token = next(it);secret: <hidden>;api_key=YOUR_KEY
password = os.environ["PW"];max_tokens=4096;eos_token_id=151645;token: the
sk-learn;hf_hub;npm_config
eyJ;AKIA;-----BEGIN CERTIFICATE-----;ghp_short;xoxb;Bearer token;secret santa 2024;keyboard: qwerty
ff:ff:ff:ff:ff:ff;00:00:00:00:00:00;01:00:5e:00:00:01;12:34:56:78;aa:bb:cc
de:ad:be:ef;10-20-30-40-50-60
std::vector;a::b;::before;12::34;2001:1000;2023:11:05;3:2:1;16:9;5f4dcc3b5aa765d61d8327deb882cf99
40.7128;-74.0060;51.5074N;40.712776, -74.005974;98.6 F;1013.25 hPa;6.02214076e23;299792458 m/s
p. 112-118;45(3):112-118;10.1000/182.2045;arXiv:2305.18290;RFC 5321;Art. 12.3.4;42 U.S.C. 1983
room 212-555;94103-1234;S1234567A;QQ 12 34 56 A;ABCDE1234F;12.345.678.901
NFPA 1124-2006;0800-1234-XL"""
CHANCE = """###,###,###;#.##############;##.##.20##;20##-0#-1# 1#:##:##;17########;17###########
#.#.#.#;1#.#.2#.#;##/##*##=####;9999############;###-##;#########;+##.#%;##:##:##;1############
????????????????????????????????????????;????????-????-????-????-????????????"""
"""Forms whose `#` are digits and whose `?` are hexadecimal, all by chance."""
LOOKALIKE_TEXTS = r"""see {}|The value {} is right.|x = {}|({})|{}|Answer: {}|- {}\n- next|"{}"
He wrote {}, then left."""


def made_rows() -> list[list[Piece]]:
    """Return the rows, each as pieces; the same at every call."""
    rng = random.Random(SEED)
    rows = []
    for kind, values, texts in _drawn(rng):
        places = _options(texts, "|")
        rng.shuffle(places)
        rows += [_row(kind, value, places[at % len(places)]) for at, value in enumerate(values)]
    for line in _options(IDS, "|"):
        place, numbers = line.rsplit(":", 1)
        rows += [_row("NATIONAL_ID", number, place) for number in numbers.split(",")]
    for place in _options(ASSIGNED):
        rows.append(_row("SECRET", _filled(rng, "B18") + "4x", place))
    return rows


def _drawn(rng: random.Random) -> Iterator[tuple[str, list[str], str]]:
    """Yield kinds with their values and the texts to put them into."""
    yield "EMAIL", _options(EMAILS) * 2, EMAIL_TEXTS
    yield "PHONE", [_digits(rng, form) for form in _options(RANGES) * 2], PHONE_TEXTS
    yield "PHONE", [_digits(rng, form) for form in _options(NAMED_RANGES) * 2], NAMED_TEXTS
    yield "CARD", [_card(rng, card) for card in _options(CARDS)], CARD_TEXTS
    yield "IBAN", [_fours(rng, iban) for iban in _options(IBANS)], IBAN_TEXTS
    yield "IP", [form.format(rng.randrange(1, 255)) for form in _options(PUBLIC) * 4], IP_TEXTS
    macs = [form.format(rng.randbytes(1).hex()) for form in _options(MACS) * 4]
    yield "MAC", macs, MAC_TEXTS
    yield "SECRET", [_key(rng, form) for form in _options(KEYS, "|")], KEY_TEXTS
    yield (
        "-",
        _options(LOOKALIKES) + [_chance(rng, form) for form in _options(CHANCE) * 8],
        LOOKALIKE_TEXTS,
    )


def _options(text: str, mark: str = ";") -> list[str]:
    return [part for line in text.split("\n") for part in line.split(mark)]


def _row(kind: str, value: str, text: str) -> list[Piece]:
    before, after = text.replace("\\n", "\n").split("{}")
    pieces: list[Piece] = [before, [kind, value], after]
    return [piece for piece in pieces if piece]


def _digits(rng: random.Random, form: str) -> str:
    return "".join(str(rng.randrange(10)) if char == "#" else char for char in form)


def _chance(rng: random.Random, form: str) -> str:
    return "".join(rng.choice(HEX) if char == "?" else char for char in _digits(rng, form))


def _card(rng: random.Random, number: str) -> str:
    """Return the number in one piece, or in the groups that are printed on the card."""
    ends = {14: (4, 10), 15: (4, 10), 16: (4, 8, 12)}[len(number)]
    cuts = [number[start:end] for start, end in zip((0, *ends), (*ends, None), strict=True)]
    return rng.choice(["", " ", "-"]).join(cuts)


def _fours(rng: random.Random, code: str) -> str:
    gap = rng.choice(["", " "])
    return gap.join(code[start : start + 4] for start in range(0, len(code), 4))


def _filled(rng: random.Random, form: str) -> str:
    alphabet = {"A": string.ascii_uppercase + "234567", "B": BASE62, "L": LETTERS, "H": HEX}
    return "".join(rng.choices(alphabet[form[0]], k=int(form[1:])))


def _key(rng: random.Random, form: str) -> str:
    start, rest = form.split(":")
    return start + _filled(rng, rest)
