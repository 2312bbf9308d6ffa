"""Made-up records for the prompts of bench/prompts: texts of JSON, and of lines that are alike. Each function writes one text of some 3000 characters."""

import json
import random

FIRST = "Ada Boris Carmen Dmitri Elif Farid Grace Hugo Ines Jonas Katya Leo Mira Nils Olga Pavel Rosa Samir Tove Uma".split()
LAST = "Almeida Brandt Castro Dahl Eriksen Fontaine Gruber Haddad Ivanov Jensen Kovac Lindqvist Moreau Nowak Okafor Petit".split()
CITIES = "Aarhus Bergen Coimbra Dresden Esbjerg Funchal Ghent Hamar Izmir Jena Kaunas Lugano Malmo Namur Odense Porto".split()
GOODS = "kettle lantern notebook umbrella backpack compass blanket stapler whistle thermos hammock tripod goggles trowel".split()
WORDS = "alpha border cursor divider emphasis focus gutter header inset joint kernel label margin nested outline panel quote ribbon".split()
SERVICES = "billing catalog gateway inventory mailer orders search sessions shipping uploads".split()


def person(rng: random.Random) -> str:
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def day(rng: random.Random) -> str:
    return f"2025-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"


def clock(rng: random.Random) -> str:
    return f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"


def several(rng: random.Random, words: list[str], most: int = 3) -> list[str]:
    return rng.sample(words, rng.randrange(1, most + 1))


def listing(record, rng: random.Random, name: str, count: int = 24) -> str:
    return json.dumps({name: [record(rng, i) for i in range(count)]}, indent=2)


def users(rng: random.Random) -> str:
    def record(rng, i):
        name = person(rng)
        return dict(id=100 + i, name=name, email=name.lower().replace(" ", ".") + "@example.org", active=rng.random() < 0.7, roles=several(rng, ["admin", "editor", "viewer"]))

    return listing(record, rng, "users")


def products(rng: random.Random) -> str:
    def record(rng, i):
        return dict(sku=f"P-{rng.randrange(1000, 9999)}", title=rng.choice(GOODS), price=rng.randrange(300, 9900) / 100, currency="EUR", stock=rng.randrange(200))

    return listing(record, rng, "products")


def features(rng: random.Random) -> str:
    def record(rng, i):
        point = [round(rng.uniform(-9, 25), 4), round(rng.uniform(36, 60), 4)]
        return dict(type="Feature", geometry=dict(type="Point", coordinates=point), properties=dict(name=rng.choice(CITIES), visits=rng.randrange(5000)))

    return json.dumps({"type": "FeatureCollection", "features": [record(rng, i) for i in range(18)]}, indent=2)


def events(rng: random.Random) -> str:
    def record(rng, i):
        return dict(time=f"{day(rng)}T{clock(rng)}Z", level=rng.choice(["info", "info", "warn", "error"]), service=rng.choice(SERVICES), durationMs=rng.randrange(900))

    return listing(record, rng, "events")


def manifest(rng: random.Random) -> str:
    names = [f"@acme/{a}-{b}" for a in SERVICES for b in WORDS]
    version = lambda: f"^{rng.randrange(9)}.{rng.randrange(20)}.{rng.randrange(10)}"  # noqa: E731
    part = lambda count: {name: version() for name in sorted(rng.sample(names, count))}  # noqa: E731
    return json.dumps({"name": "@acme/web", "version": "3.2.0", "private": True, "dependencies": part(50), "devDependencies": part(50)}, indent=2)


def translations(rng: random.Random) -> str:
    actions = "open close save delete rename copy move share print export".split()
    return json.dumps({f"{group}.{action}": f"{action.capitalize()} the {group}" for group in rng.sample(WORDS, 9) for action in actions}, indent=2)


def results(rng: random.Random) -> str:
    def record(rng, i):
        return dict(suite=rng.choice(SERVICES), test=f"{rng.choice(WORDS)} is {rng.choice(['kept', 'read', 'written', 'empty', 'sorted'])}", passed=rng.random() < 0.9, ms=rng.randrange(120))

    return listing(record, rng, "results", 30)


def orders(rng: random.Random) -> str:
    def record(rng, i):
        items = [dict(title=title, count=rng.randrange(1, 5)) for title in several(rng, GOODS)]
        return dict(order=7000 + i, customer=person(rng), city=rng.choice(CITIES), placed=day(rng), items=items)

    return listing(record, rng, "orders", 16)


def readings(rng: random.Random) -> str:
    def record(rng, i):
        return dict(sensor=f"s{i % 4 + 1}", at=i * 600, temperature=round(18 + rng.gauss(0, 2), 1), humidity=rng.randrange(35, 60))

    return listing(record, rng, "readings", 36)


def routes(rng: random.Random) -> str:
    paths = {}
    for name in rng.sample(SERVICES, 8):
        for method in several(rng, ["get", "post", "delete"]):
            paths.setdefault(f"/{name}/{{id}}", {})[method] = dict(
                operationId=f"{method}{name.capitalize()}", parameters=[{"name": "id", "in": "path", "required": True}], responses={"200": {"description": "OK"}}
            )
    return json.dumps({"openapi": "3.1.0", "paths": paths}, indent=2)


JSON = [users, products, features, events, manifest, translations, results, orders, readings, routes]


def lines(line, rng: random.Random, head: str = "", count: int = 80) -> str:
    return head + "\n".join(line(rng, i) for i in range(count)) + "\n"


def sales(rng: random.Random) -> str:
    return lines(lambda rng, i: f"{1000 + i},{day(rng)},{rng.choice(CITIES)},{rng.choice(GOODS)},{rng.randrange(1, 20)},{rng.randrange(100, 9000) / 100}", rng, "id,date,city,product,count,total\n")


def people(rng: random.Random) -> str:
    head = "| name | city | since | active |\n|---|---|---|---|\n"
    return lines(lambda rng, i: f"| {person(rng)} | {rng.choice(CITIES)} | {rng.randrange(2001, 2025)} | {rng.choice(['yes', 'no'])} |", rng, head)


def inserts(rng: random.Random) -> str:
    return lines(lambda rng, i: f"INSERT INTO members (id, name, city, joined) VALUES ({i + 1}, '{person(rng)}', '{rng.choice(CITIES)}', '{day(rng)}');", rng, count=40)


def access_log(rng: random.Random) -> str:
    return lines(lambda rng, i: f"10.0.{rng.randrange(8)}.{rng.randrange(255)} - - [{clock(rng)}] \"GET /{rng.choice(SERVICES)}/{rng.randrange(900)} HTTP/1.1\" {rng.choice([200, 200, 200, 304, 404])} {rng.randrange(9000)}", rng, count=50)


def properties(rng: random.Random) -> str:
    return lines(lambda rng, i: f"  --{rng.choice(WORDS)}-{rng.choice(WORDS)}: {rng.choice(['#%06x' % rng.randrange(1 << 24), '%dpx' % rng.randrange(64), '%.2frem' % (rng.randrange(400) / 100)])};", rng, ":root {\n", 90)


def constants(rng: random.Random) -> str:
    return lines(lambda rng, i: f"  {rng.choice(WORDS).upper()}_{rng.choice(SERVICES).upper()}: 0x{rng.randrange(65536):04x},", rng, "export const CODES = {\n", 90)


def cases(rng: random.Random) -> str:
    return lines(lambda rng, i: f"    case '{rng.choice(WORDS)}-{i}':\n      return {rng.choice(SERVICES)}.{rng.choice(['open', 'close', 'read'])}({rng.randrange(100)});", rng, "export function dispatch(name) {\n  switch (name) {\n", 50)


def links(rng: random.Random) -> str:
    return lines(lambda rng, i: f'  <li><a href="/{rng.choice(SERVICES)}/{rng.choice(GOODS)}">{rng.choice(GOODS).capitalize()} in {rng.choice(CITIES)}</a></li>', rng, "<ul>\n", 50)


def table_tests(rng: random.Random) -> str:
    return lines(lambda rng, i: f"  ['{rng.choice(WORDS)} {rng.choice(WORDS)}', {rng.randrange(100)}, {rng.choice(['true', 'false'])}],", rng, "test.each([\n", 90)


def properties_file(rng: random.Random) -> str:
    return lines(lambda rng, i: f"{rng.choice(SERVICES)}.{rng.choice(WORDS)}.{rng.choice(['timeout', 'retries', 'limit'])}={rng.randrange(1, 5000)}", rng, count=100)


DATA = [sales, people, inserts, access_log, properties, constants, cases, links, table_tests, properties_file]
