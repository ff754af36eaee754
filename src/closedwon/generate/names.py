"""Word lists for companies and people. All invented; likeness to a real company would be chance."""

from __future__ import annotations

from typing import Any

COMPANY_FIRST = """Alder Amber Anchor Apex Arbor Argent Ascent Aspen Atlas Aurora Axiom Azure Basalt Beacon Birch Blue Bold Borealis Bramble
Bright Cadence Calder Canyon Cardinal Cascade Cedar Cinder Citrus Clear Cobalt Compass Copper Coral Corner Crescent Crest Crown Cypress
Delta Dover Drift Dune Eagle Echo Elm Ember Equinox Evergreen Falcon Fern Field First Flint Forge Fox Frontier Garnet Gate Glacier Global
Golden Granite Grand Green Grove Harbor Hawk Hazel Helix Heron High Hollow Horizon Hudson Indigo Iron Ivory Jade Juniper Keel Kestrel Key
Lake Lantern Laurel Ledger Liberty Linden Lotus Lumen Lunar Lynx Magnolia Maple Marble Maren Meadow Meridian Mesa Mill Mint Mosaic Nimbus
Noble Nova Oak Ocean Olive Onyx Opal Orchard Orion Osprey Otter Pacific Palm Peak Pebble Pine Pioneer Polar Prairie Prism Quarry Quartz
Quill Rain Raven Redwood Ridge River Rowan Saffron Sable Sage Salt Sequoia Shore Silver Slate Solar Sparrow Spring Spruce Sterling Stone
Summit Sun Swift Tamarack Teal Terra Thistle Tidal Timber Topaz Trail True Tundra Umber Union Upland Vale Vector Velvet Verdant Vista
Walnut Wave West Whit Willow Wind Winter Wren Yarrow Zephyr Zenith""".split()  # noqa: SIM905
COMPANY_SECOND = """Analytics Apparel Automotive Bank Biotech Brands Builders Capital Care Chemicals Cloud Commerce Components Controls
Credit Data Design Devices Diagnostics Digital Dynamics Education Electric Energy Engineering Farms Finance Foods Freight Games Genomics
Goods Health Holdings Hospitality Hotels Imaging Industries Insurance Labs Lending Logistics Machines Manufacturing Marine Materials Media
Medical Metals Mobility Motors Networks Optics Packaging Partners Paper Payments Pharma Plastics Power Press Properties Rail Research
Resources Retail Robotics Security Semiconductors Shipping Software Sports Steel Studios Supply Systems Technologies Telecom Textiles
Therapeutics Tools Trading Transport Travel Utilities Ventures Water Wireless Works""".split()  # noqa: SIM905
COMPANY_MIDDLE = """Allied Bay Bridge Central City Coast Continental County Creek East Eastern Estate Hill International Inland Island
Junction Lane Metro Midland National North Northern Park Point Port Provincial Regional Rock South Southern State Street United Urban
Valley View Village Western""".split()  # noqa: SIM905
LEGAL_FORMS = {
    "US": ["Inc.", "LLC", "Corp.", "Co."], "CA": ["Inc.", "Ltd."], "GB": ["Ltd", "plc", "LLP"], "DE": ["GmbH", "AG", "SE"],
    "FR": ["SA", "SAS"], "NL": ["B.V.", "N.V."], "JP": ["K.K.", "G.K."], "IN": ["Pvt. Ltd.", "Ltd."], "AU": ["Pty Ltd", "Ltd"],
}  # fmt: skip
DOMAINS = {"US": "com", "CA": "ca", "GB": "co.uk", "DE": "de", "FR": "fr", "NL": "nl", "JP": "co.jp", "IN": "in", "AU": "com.au"}
CITIES: dict[str, list[tuple[Any, ...]]] = {
    "US": [("New York", "NY", 40.71, -74.01), ("Chicago", "IL", 41.88, -87.63), ("Austin", "TX", 30.27, -97.74), ("Seattle", "WA", 47.61, -122.33),
           ("Boston", "MA", 42.36, -71.06), ("Denver", "CO", 39.74, -104.99), ("Atlanta", "GA", 33.75, -84.39), ("San Diego", "CA", 32.72, -117.16)],
    "CA": [("Toronto", "ON", 43.65, -79.38), ("Montréal", "QC", 45.50, -73.57), ("Vancouver", "BC", 49.28, -123.12)],
    "GB": [("London", None, 51.51, -0.13), ("Manchester", None, 53.48, -2.24), ("Edinburgh", None, 55.95, -3.19)],
    "DE": [("München", "BY", 48.14, 11.58), ("Hamburg", "HH", 53.55, 9.99), ("Köln", "NW", 50.94, 6.96), ("Berlin", "BE", 52.52, 13.40)],
    "FR": [("Paris", None, 48.86, 2.35), ("Lyon", None, 45.76, 4.84), ("Nîmes", None, 43.84, 4.36)],
    "NL": [("Amsterdam", None, 52.37, 4.90), ("Utrecht", None, 52.09, 5.12)],
    "JP": [("Tokyo", None, 35.68, 139.69), ("Osaka", None, 34.69, 135.50), ("Fukuoka", None, 33.59, 130.40)],
    "IN": [("Bengaluru", "KA", 12.97, 77.59), ("Mumbai", "MH", 19.08, 72.88), ("Pune", "MH", 18.52, 73.86)],
    "AU": [("Sydney", "NSW", -33.87, 151.21), ("Melbourne", "VIC", -37.81, 144.96)],
}  # fmt: skip
INDUSTRIES = ["Software", "Financial Services", "Manufacturing", "Healthcare", "Retail", "Media", "Energy", "Public Sector"]
FIRST_NAMES = {
    "US": ["Ava", "Noah", "Mia", "Liam", "Zoe", "Ethan", "Ruby", "Caleb", "Nora", "Isaac", "Leah", "Owen", "Maya", "Julian", "Tessa", "Marcus", "Elena", "Dylan", "Paige", "Andre"],
    "CA": ["Chloé", "Lucas", "Maude", "Olivier", "Sarah", "Émile", "Jade", "Nathan"],
    "GB": ["Imogen", "Callum", "Freya", "Rhys", "Poppy", "Alistair", "Niamh", "Hugo", "Beatrix", "Tariq"],
    "DE": ["Anneliese", "Jörg", "Katrin", "Lukas", "Heike", "Florian", "Jürgen", "Sabine", "Björn", "Miriam"],
    "FR": ["Élodie", "Mathieu", "Camille", "Benoît", "Agnès", "Rémi", "Inès", "Thibault"],
    "NL": ["Sanne", "Daan", "Femke", "Joris", "Lotte", "Bram"],
    "JP": ["Haruka", "Kenji", "Aiko", "Daiki", "Yui", "Takumi", "Mei", "Ren"],
    "IN": ["Priya", "Arjun", "Ananya", "Rohan", "Kavya", "Vikram", "Meera", "Sanjay"],
    "AU": ["Matilda", "Lachlan", "Tahlia", "Angus", "Isla", "Bodhi"],
}  # fmt: skip
LAST_NAMES = {
    "US": ["Harper", "Delgado", "Nguyen", "Whitfield", "Brooks", "Okafor", "Castillo", "Bennett", "Sorensen", "Walsh", "Ibarra", "Coleman", "Pruitt", "Vance", "Lindqvist", "Ramsey", "Hale", "Moreno"],
    "CA": ["Tremblay", "Gagnon", "Macleod", "Singh", "Bouchard", "Fraser"],
    "GB": ["Ashworth", "Pemberton", "Okonkwo", "Fairley", "Hughes", "Lockwood", "Sinclair", "Rahman", "Penhale"],
    "DE": ["Vogel", "Schäfer", "Brandt", "Lindner", "Krüger", "Weiß", "Albrecht", "Hoffmann", "Özdemir"],
    "FR": ["Lefèvre", "Moreau", "Girard", "Béranger", "Chevalier", "Dufour", "Marchand"],
    "NL": ["de Vries", "van Dijk", "Bakker", "Jansen", "Hoekstra", "Visser"],
    "JP": ["Tanaka", "Nakamura", "Ishikawa", "Mori", "Hayashi", "Kobayashi", "Ueda"],
    "IN": ["Sharma", "Iyer", "Patel", "Reddy", "Menon", "Kapoor", "Desai", "Nair"],
    "AU": ["Callaghan", "Nguyen", "Farrell", "Wirth", "Bailey", "Kerr"],
}  # fmt: skip
TITLES = [
    "Chief Financial Officer",
    "VP Operations",
    "Head of IT",
    "Director of Procurement",
    "IT Manager",
    "Data Lead",
    "Controller",
    "Legal Counsel",
]
CONTACT_ROLES = ["Economic Buyer", "Champion", "Technical Evaluator", "Procurement", "User", "Influencer", "Business User", "Legal"]
PRODUCTS = [
    ("P-CORE", "Northlight Core", "Platform", True, 9600), ("P-PLUS", "Northlight Plus", "Platform", True, 16800),
    ("P-ANL", "Insight Analytics", "Analytics", True, 7200), ("P-SEC", "Shield Security", "Security", True, 8400),
    ("P-API", "Connect API", "Integration", True, 4800), ("P-SVC", "Implementation Services", "Services", False, 2200),
    ("P-TRN", "Training Days", "Services", False, 1500), ("P-OLD", "Northlight Classic", "Platform", True, 6000),
]  # fmt: skip
SOURCES = ["Partner", "Inbound", "Event", "SDR", "Outbound"]
LOSS_REASONS = [
    "No decision",
    "Lost to competitor",
    "Price",
    "No budget",
    "Missing feature",
    "Champion left",
    "Timing",
    "Merged into another opportunity",
]
WON_REASONS = ["Product fit", "Time to value", "Existing relationship", "Price", "Executive sponsor", "Security review passed"]
NEXT_STEPS = ["Send proposal", "Security review on Thursday", "Meet CFO", "Await redlines", "Demo for finance team", "Confirm budget",
              "Agree close plan", "Reference call", "POC read-out", "Follow up after holidays"]  # fmt: skip
COMPETITORS = ["Brightforge", "Cirrusworks", "Datanaut", "In-house build", "Kestrel CRM"]
SLIP_CAUSES = [
    "none",
    "procurement took longer",
    "legal redlines",
    "budget moved",
    "champion left",
    "rep optimism",
    "procurement freeze in the region",
]
STAGES = ["0-Pending Acceptance", "1-Discovery", "2-Scoping", "3-Technical Evaluation", "4-Proposal", "5-Negotiating", "6-Awaiting Signature",
          "Closed Won", "8-Closed Lost", "Legal Review"]  # fmt: skip
WON, LOST, LEGAL = 7, 8, 9
STAGE_PROBABILITY = [20_000, 80_000, 150_000, 280_000, 450_000, 650_000, 850_000, 1_000_000, 0, 0]
CATEGORIES = ["omitted", "pipeline", "best_case", "most_likely", "commit", "closed"]
ORDER_TYPES = ["new logo", "expansion", "renewal", "services"]
