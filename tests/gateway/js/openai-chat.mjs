import assert from "node:assert/strict";

export const abilities = (asked, { load, refused, left }) => {
  const { models, question, says, prompts, schema } = asked;
  const opened = async (apiKey = asked.key) => {
    const OpenAI = await load("openai").then((found) => found.default);
    return { OpenAI, client: new OpenAI({ baseURL: `${asked.url}/v1`, apiKey, maxRetries: 0, timeout: 20000 }) };
  };
  const tool = { type: "function", function: { ...asked.tool, parameters: asked.parameters, strict: true } };
  const ask = (client, model, content, more = {}) =>
    client.chat.completions.create({
      model, messages: [{ role: "user", content }], temperature: 0, max_completion_tokens: 200, ...more,
    });
  return {
    async plain() {
      const { client } = await opened();
      const answer = await ask(client, models.pong, question);
      assert.equal(answer.choices[0].message.content, says);
      assert.equal(answer.choices[0].finish_reason, "stop");
      assert.ok(answer.usage.total_tokens > 0);
      assert.ok(answer._request_id);
    },
    async stream() {
      const { client } = await opened();
      const options = { stream: true, stream_options: { include_usage: true } };
      const pieces = [];
      let usage;
      for await (const chunk of await ask(client, models.pong, question, options)) {
        if (chunk.choices[0]?.delta.content) pieces.push(chunk.choices[0].delta.content);
        usage = chunk.usage ?? usage;
      }
      assert.equal(pieces.join(""), says);
      assert.ok(pieces.length > 1);
      assert.ok(usage.completion_tokens > 0);
    },
    async tools() {
      const { client } = await opened();
      const user = { role: "user", content: prompts.weather };
      const { choices: [{ message }] } = await ask(client, models.weather, prompts.weather, { tools: [tool] });
      assert.equal(message.tool_calls[0].function.name, "get_weather");
      const stream = client.chat.completions.stream({
        model: models.weather, messages: [user], tools: [tool], temperature: 0, max_completion_tokens: 200,
      });
      const streamed = (await stream.finalChatCompletion()).choices[0].message.tool_calls;
      assert.equal(streamed[0].function.arguments, message.tool_calls[0].function.arguments);
      const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: prompts.result };
      const told = await ask(client, models.weather, "", { messages: [user, message, result], tools: [tool] });
      assert.ok(told.choices[0].message.content);
      if (asked.result) assert.equal(told.choices[0].message.content, asked.result);
    },
    async parse() {
      const { client } = await opened();
      const format = { type: "json_schema", json_schema: { name: "person", strict: true, schema } };
      const answer = await client.chat.completions.parse({
        model: models.person, messages: [{ role: "user", content: question }], response_format: format,
        temperature: 0, max_completion_tokens: 200,
      });
      const found = answer.choices[0].message.parsed ?? JSON.parse(answer.choices[0].message.content);
      assert.deepEqual(Object.keys(found).sort(), ["age", "name"]);
    },
    async vision() {
      const { client } = await opened();
      const url = `data:image/png;base64,${asked.pixel}`;
      const content = [{ type: "text", text: "What is this?" }, { type: "image_url", image_url: { url } }];
      assert.equal((await ask(client, models.pixel, content)).choices[0].message.content, "A pixel.");
    },
    async models() {
      const { client } = await opened();
      const found = [];
      for await (const model of client.models.list()) found.push(model.id);
      const name = found.find((one) => one.startsWith(models.pong.split(":")[0] + ":"));
      assert.equal((await client.models.retrieve(name)).id, name);
    },
    async embeddings() {
      const { client } = await opened();
      const answer = await client.embeddings.create({ model: models.embed, input: ["a cat", "a dog"] });
      assert.deepEqual(answer.data.map((one) => one.index), [0, 1]);
      assert.ok(answer.data[0].embedding.length > 2);
    },
    async wrong_key() {
      const { OpenAI, client } = await opened(asked.wrong);
      const error = await refused(OpenAI.AuthenticationError, () => ask(client, models.pong, "Hi"));
      assert.equal(error.status, 401);
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
      const stream = await ask(client, models.slow, prompts.long, { stream: true, max_completion_tokens: 1500 });
      for await (const chunk of stream) if (chunk) break;
      stream.controller.abort();
      await left();
    },
  };
};
