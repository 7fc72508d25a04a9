/** Calls every operation that reads, through the client that is generated from the served document. */

import assert from "node:assert/strict";

import createClient from "openapi-fetch";
import type { PathsWithMethod } from "openapi-typescript-helpers";

import type { paths } from "../generated/isems.js";

const NODE = "Elektra-Dach";
const ofNode = { path: { nodeId: NODE } };

/** A node that only these checks have. */
const VISITOR = "Besucher, mit Komma";
const PUSHED = 12.345;

const { DEMO_URL: baseUrl, DEMO_TOKEN: token } = process.env;
assert(baseUrl && token, "DEMO_URL and DEMO_TOKEN are to name a demo server; run .ci/client");
const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });

/** The paths that were asked for. */
const read = new Set<string>();
client.use({
    onRequest({ schemaPath, request }) {
        if (request.method === "GET") {
            read.add(schemaPath);
        }
    },
});

/** The answer to a request, which has to succeed. */
async function answer<T>(request: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<NonNullable<T>> {
    const { data, error, response } = await request;
    assert(response.ok && data, `${response.url}: ${response.status} ${JSON.stringify(error)}`);
    return data;
}

/** What came as JSON, of an operation that can answer with text too. */
function structured<T>(data: T): Exclude<T, string> {
    assert(typeof data === "object", `${data} is text`);
    return data as Exclude<T, string>;
}

function named<T extends { nodeId?: string }>(items: T[], name = NODE): T {
    const item = items.find(({ nodeId }) => nodeId === name);
    assert(item, `${name} is not among ${items.map(({ nodeId }) => nodeId)}`);
    return item;
}

/** A battery of 12 V has this; a panel, or a percentage, has not. */
function isBatteryVoltage(volts: number | null | undefined): void {
    assert(typeof volts === "number" && volts > 9 && volts < 16, `${volts} V`);
}

function isRecent(time: string | null | undefined): void {
    const age = Date.now() - Date.parse(time ?? "");
    assert(age > -60_000 && age < 3_600_000, `${time} is not within the last hour`);
}

/** What each operation has to bring. One that is missing here, or is none any more, does not compile. */
const operations: { [Path in PathsWithMethod<paths, "get">]: () => Promise<void> } = {
    async "/measurements/latest"() {
        const { measurements } = await answer(client.GET("/measurements/latest", { params: { query: { all: "true" } } }));
        isBatteryVoltage(named(measurements).batteryVoltage);
    },
    async "/measurements/{nodeId}/latest"() {
        const { measurements } = await answer(client.GET("/measurements/{nodeId}/latest", { params: ofNode }));
        assert.equal(measurements.length, 1440);
        isBatteryVoltage(named(measurements).batteryVoltage);
    },
    async "/api/v1/nodes"() {
        const { nodes } = await answer(client.GET("/api/v1/nodes"));
        const { state, latest } = named(nodes);
        assert.equal(state, "active");
        isBatteryVoltage(latest.batteryVoltage);
    },
    async "/api/v1/nodes/{nodeId}"() {
        const node = await answer(client.GET("/api/v1/nodes/{nodeId}", { params: ofNode }));
        assert.equal(node.nodeId, NODE);
        assert(node.measurements >= 2880, "two days of one a minute");
        isRecent(node.lastTimestamp);
        const unknown = await client.GET("/api/v1/nodes/{nodeId}", { params: { path: { nodeId: "Nirgends" } } });
        assert.equal(unknown.error?.status, 404);
    },
    async "/api/v1/network"() {
        const { nodes, measurements } = await answer(client.GET("/api/v1/network"));
        // Some may have run empty.
        assert(nodes.total >= 5 && nodes.active > 0 && measurements >= 5 * 2880);
    },
    async "/api/v1/insight"() {
        const { nodes } = await answer(client.GET("/api/v1/insight"));
        const { energy, findings } = named(nodes);
        assert((energy.usablePercent ?? 0) >= 0);
        assert(findings.every(({ meaning, advice }) => meaning && advice));
    },
    async "/api/v1/nodes/{nodeId}/insight"() {
        const params = { ...ofNode, query: { at: "-1h" } };
        const insight = await answer(client.GET("/api/v1/nodes/{nodeId}/insight", { params }));
        assert.equal(insight.nodeId, NODE);
        isRecent(new Date(Date.parse(insight.at) + 600_000).toISOString());
    },
    async "/api/v1/alerts"() {
        const { channels, problems } = await answer(client.GET("/api/v1/alerts"));
        assert.deepEqual(channels, [], "the demo has no channel");
        assert.deepEqual(problems, []);
    },
    async "/api/v1/nodes/{nodeId}/measurements"() {
        const page = async (cursor?: string) => {
            const query = { from: "-24h", limit: 100, ...(cursor && { cursor }) };
            const params = { ...ofNode, query };
            return structured(await answer(client.GET("/api/v1/nodes/{nodeId}/measurements", { params })));
        };
        const first = await page();
        assert.equal(first.measurements.length, 100);
        isRecent(first.measurements[0]?.timestamp);
        isBatteryVoltage(first.measurements[0]?.batteryVoltage);
        const cursor = new URL(first.next ?? "", baseUrl).searchParams.get("cursor");
        const second = await page(cursor ?? assert.fail("there is no next page"));
        assert.equal(second.measurements.length, 100);
        assert(second.measurements[0]!.timestamp! < first.measurements[99]!.timestamp!);
    },
    async "/api/v1/measurements"() {
        const query = { nodes: [NODE, VISITOR], from: "-90m" };
        const { measurements } = structured(await answer(client.GET("/api/v1/measurements", { params: { query } })));
        isBatteryVoltage(named(measurements).batteryVoltage);
        assert.equal(named(measurements, VISITOR).batteryVoltage, PUSHED);
        const lines = await answer(
            client.GET("/api/v1/measurements", { params: { query: { ...query, format: "csv" } }, parseAs: "text" }),
        );
        assert.match(String(lines), /^nodeId,.*\bbatteryVoltage\b.*\r?\n.*\bElektra-Dach\b/s);
    },
    async "/api/v1/nodes/{nodeId}/series"() {
        const query = { fields: ["batteryVoltage" as const], from: "-24h", points: 24 };
        const series = await answer(client.GET("/api/v1/nodes/{nodeId}/series", { params: { ...ofNode, query } }));
        const [field] = series.fields;
        assert.equal(field?.field, "batteryVoltage");
        assert.equal(field.average.length, series.timestamps.length);
        isBatteryVoltage(field.average.find((average) => average !== null));
    },
    async "/api/v1/series"() {
        const query = { nodes: [NODE, "Dorfkirche"], from: "-24h" };
        const { series } = await answer(client.GET("/api/v1/series", { params: { query } }));
        assert.equal(series.length, 2);
        assert(named(series).fields.some(({ count }) => count.some((values) => values > 0)));
    },
    async "/api/v1/live"() {
        const given = client.GET("/api/v1/live", { params: { query: { nodes: [VISITOR] } }, parseAs: "stream" });
        const stream = await answer(given);
        // A node measures once a second: what is pushed within that of the last push is no news.
        await new Promise((done) => setTimeout(done, 1100));
        await push(JSON.stringify({ batteryVoltage: PUSHED }), "application/json");
        let told = "";
        for await (const text of stream.pipeThrough(new TextDecoderStream())) {
            told += text;
            if (told.includes(String(PUSHED))) {
                return;
            }
        }
        assert.fail(`the stream has ended after ${told}`);
    },
    async "/api/v1/transports"() {
        const { transports } = await answer(client.GET("/api/v1/transports"));
        const http = transports.find(({ name }) => name === "http");
        assert(http && http.stored >= 5 && http.sources.every(({ up }) => up));
    },
    async "/api/v1/statistics"() {
        const { nodes, total } = await answer(client.GET("/api/v1/statistics"));
        assert(named(nodes).measurements >= 2880 && total.measurements >= 2880, "two days of one a minute");
    },
    async "/api/v1/rejects"() {
        const { rejects } = await answer(client.GET("/api/v1/rejects", { params: { query: { node: VISITOR } } }));
        assert.equal(rejects[0]?.reason, "number_invalid");
    },
    async "/healthz"() {
        assert.equal((await answer(client.GET("/healthz"))).status, "ok");
    },
    async "/readyz"() {
        assert.equal((await answer(client.GET("/readyz"))).ready, true);
    },
    async "/metrics"() {
        const text = await answer(client.GET("/metrics", { parseAs: "text" }));
        assert.match(text, /^isems_node_battery_voltage_volts\{node="Elektra-Dach"\} 1[0-9.]+$/m);
    },
};

/** Sends something of the visitor. */
async function push(body: string, type: string) {
    return client.POST("/api/v1/nodes/{nodeId}/measurements", {
        params: { path: { nodeId: VISITOR } },
        headers: { "content-type": type },
        body,
        bodySerializer: String,
    });
}

const now = Math.floor(Date.now() / 1000);
const rest = `100;100;28;11.67;14.086;7;20;52.507309;13.458635;300`;
const line = (at: number, voltage: string) => `${VISITOR};1;${at};ATmega8_A_1;711;0;18.614;18.614;${voltage};${rest}\n`;
const { data: receipt } = await push(line(now - 60, "14.o73") + line(now, String(PUSHED)), "text/plain");
assert.deepEqual([receipt?.stored, receipt?.dropped[0]?.reason], [2, "number_invalid"]);

let failed = 0;
for (const [path, check] of Object.entries(operations)) {
    try {
        await check();
        assert(read.has(path), "it was not called");
        console.log(`read ${path}`);
    } catch (error) {
        failed += 1;
        console.error(`NOT read ${path}:`, error);
    }
}
// A stream may still be open.
process.exit(failed > 0 ? 1 : 0);
