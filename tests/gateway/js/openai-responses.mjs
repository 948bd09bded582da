import assert from "node:assert/strict";

export const abilities = (asked, { load, refused, left }) => {
  const { models, question, says, prompts, schema } = asked;
  const opened = async (apiKey = asked.key) => {
    const OpenAI = await load("openai").then((found) => found.default);
    return { OpenAI, client: new OpenAI({ baseURL: `${asked.url}/v1`, apiKey, maxRetries: 0, timeout: 20000 }) };
  };
  const tool = { type: "function", ...asked.tool, parameters: asked.parameters, strict: true };
  const ask = (client, model, input, more = {}) =>
    client.responses.create({ model, input, temperature: 0, max_output_tokens: 200, ...more });
  return {
    async plain() {
      const { client } = await opened();
      const answer = await ask(client, models.pong, question);
      assert.equal(answer.output_text, says);
      assert.equal(answer.status, "completed");
      assert.ok(answer.usage.total_tokens > 0);
    },
    async stream() {
      const { client } = await opened();
      const pieces = [];
      const stream = client.responses.stream({ model: models.pong, input: question, temperature: 0 });
      for await (const event of stream) if (event.type === "response.output_text.delta") pieces.push(event.delta);
      const answer = await stream.finalResponse();
      assert.equal(pieces.join(""), says);
      assert.equal(answer.output_text, says);
      assert.ok(pieces.length > 1);
    },
    async tools() {
      const { client } = await opened();
      const user = { role: "user", content: prompts.weather };
      const answer = await ask(client, models.weather, [user], { tools: [tool] });
      const call = answer.output.find((item) => item.type === "function_call");
      assert.equal(call.name, "get_weather");
      const result = { type: "function_call_output", call_id: call.call_id, output: prompts.result };
      const told = await ask(client, models.weather, [user, ...answer.output, result], { tools: [tool] });
      assert.ok(told.output_text);
      if (asked.result) assert.equal(told.output_text, asked.result);
    },
    async parse() {
      const { client } = await opened();
      const format = { type: "json_schema", name: "person", strict: true, schema };
      const answer = await client.responses.parse({
        model: models.person, input: question, text: { format }, temperature: 0, max_output_tokens: 200,
      });
      assert.deepEqual(Object.keys(answer.output_parsed ?? JSON.parse(answer.output_text)).sort(), ["age", "name"]);
    },
    async vision() {
      const { client } = await opened();
      const image = { type: "input_image", image_url: `data:image/png;base64,${asked.pixel}`, detail: "auto" };
      const content = [{ type: "input_text", text: "What is this?" }, image];
      assert.equal((await ask(client, models.pixel, [{ role: "user", content }])).output_text, "A pixel.");
    },
    async count_tokens() {
      const { client } = await opened();
      assert.ok((await client.responses.inputTokens.count({ model: models.pong, input: "Hi" })).input_tokens > 0);
    },
    async wrong_key() {
      const { OpenAI, client } = await opened(asked.wrong);
      await refused(OpenAI.AuthenticationError, () => ask(client, models.pong, "Hi"));
    },
    async unknown_model() {
      const { OpenAI, client } = await opened();
      await refused(OpenAI.NotFoundError, () => ask(client, "nobody:nothing", "Hi"));
    },
    async bad_request() {
      const { OpenAI, client } = await opened();
      const more = asked.engine ? { temperature: "hot" } : {};
      await refused(OpenAI.BadRequestError, () => ask(client, models["error-400"], "Hi", more));
    },
    async rate_limit() {
      const { OpenAI, client } = await opened();
      const error = await refused(OpenAI.RateLimitError, () => ask(client, models["error-429"], "Hi"));
      assert.equal(error.headers.get("retry-after"), "7");
    },
    async overload() {
      const { OpenAI, client } = await opened();
      for (const status of [503, 529]) {
        await refused(OpenAI.InternalServerError, () => ask(client, models[`error-${status}`], "Hi"));
      }
    },
    async cancel() {
      const { client } = await opened();
      const stream = await ask(client, models.slow, prompts.long, { stream: true, max_output_tokens: 1500 });
      for await (const event of stream) if (event) break;
      stream.controller.abort();
      await left();
    },
  };
};
