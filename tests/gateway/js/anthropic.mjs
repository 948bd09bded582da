import assert from "node:assert/strict";

export const abilities = (asked, { load, refused, left }) => {
  const { models, question, says, prompts, schema } = asked;
  const opened = async (apiKey = asked.key) => {
    const Anthropic = await load("@anthropic-ai/sdk").then((found) => found.default);
    return { Anthropic, client: new Anthropic({ baseURL: asked.url, apiKey, maxRetries: 0, timeout: 20000 }) };
  };
  const tool = { ...asked.tool, input_schema: asked.parameters };
  const ask = (client, model, content, more = {}) =>
    client.messages.create({ model, messages: [{ role: "user", content }], max_tokens: 200, ...more });
  const said = (text) => (asked.engine ? assert.ok(text) : assert.equal(text, says));
  return {
    async plain() {
      const { client } = await opened();
      const answer = await ask(client, models.pong, question);
      said(answer.content[0].text);
      assert.equal(answer.stop_reason, "end_turn");
      assert.ok(answer.usage.input_tokens > 0);
      assert.ok(answer._request_id);
    },
    async stream() {
      const { client } = await opened();
      const pieces = [];
      const messages = [{ role: "user", content: question }];
      const stream = client.messages.stream({ model: models.pong, messages, max_tokens: 200 });
      stream.on("text", (text) => pieces.push(text));
      const answer = await stream.finalMessage();
      assert.equal(pieces.join(""), answer.content[0].text);
      said(answer.content[0].text);
      assert.ok(answer.usage.output_tokens > 0);
    },
    async tools() {
      const { client } = await opened();
      const user = { role: "user", content: prompts.weather };
      const answer = await ask(client, models.weather, prompts.weather, { tools: [tool] });
      const call = answer.content.find((block) => block.type === "tool_use");
      assert.equal(call.name, "get_weather");
      const stream = client.messages.stream({ model: models.weather, messages: [user], tools: [tool], max_tokens: 200 });
      const streamed = (await stream.finalMessage()).content.find((block) => block.type === "tool_use");
      assert.deepEqual(streamed.input, call.input);
      const result = { type: "tool_result", tool_use_id: call.id, content: prompts.result };
      const turns = [user, { role: "assistant", content: answer.content }, { role: "user", content: [result] }];
      const told = await ask(client, models.weather, "", { messages: turns, tools: [tool] });
      assert.ok(told.content[0].text);
      if (asked.result) assert.equal(told.content[0].text, asked.result);
    },
    async parse() {
      const { client } = await opened();
      const format = { type: "json_schema", schema };
      const answer = await client.messages.parse({
        model: models.person, messages: [{ role: "user", content: question }], max_tokens: 200,
        output_config: { format },
      });
      assert.deepEqual(Object.keys(answer.parsed_output ?? JSON.parse(answer.content[0].text)).sort(), ["age", "name"]);
    },
    async vision() {
      const { client } = await opened();
      const image = { type: "image", source: { type: "base64", media_type: "image/png", data: asked.pixel } };
      const answer = await ask(client, models.pixel, [image, { type: "text", text: "What is this?" }]);
      assert.equal(answer.content[0].text, "A pixel.");
    },
    async models() {
      const { client } = await opened();
      const found = [];
      for await (const model of client.models.list({ limit: 3 })) found.push(model.id);
      const name = found.find((one) => one.startsWith(models.pong.split(":")[0] + ":"));
      assert.equal((await client.models.retrieve(name)).id, name);
    },
    async count_tokens() {
      const { client } = await opened();
      const messages = [{ role: "user", content: "Hi" }];
      assert.ok((await client.messages.countTokens({ model: models.pong, messages })).input_tokens > 0);
    },
    async wrong_key() {
      const { Anthropic, client } = await opened(asked.wrong);
      await refused(Anthropic.AuthenticationError, () => ask(client, models.pong, "Hi"));
    },
    async unknown_model() {
      const { Anthropic, client } = await opened();
      await refused(Anthropic.NotFoundError, () => ask(client, "nobody:nothing", "Hi"));
    },
    async bad_request() {
      const { Anthropic, client } = await opened();
      const more = asked.engine ? { temperature: "hot" } : {};
      await refused(Anthropic.BadRequestError, () => ask(client, models["error-400"], "Hi", more));
    },
    async rate_limit() {
      const { Anthropic, client } = await opened();
      const error = await refused(Anthropic.RateLimitError, () => ask(client, models["error-429"], "Hi"));
      assert.equal(error.headers.get("retry-after"), "7");
    },
    async overload() {
      const { Anthropic, client } = await opened();
      for (const status of [503, 529]) {
        await refused(Anthropic.InternalServerError, () => ask(client, models[`error-${status}`], "Hi"));
      }
    },
    async cancel() {
      const { client } = await opened();
      const stream = await ask(client, models.slow, prompts.long, { stream: true, max_tokens: 1500 });
      for await (const event of stream) if (event) break;
      stream.controller.abort();
      await left();
    },
  };
};
