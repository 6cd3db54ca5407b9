// example: what pictures of kvasir-admin show: its first user, and a server with made-up keys.

function* exampleCommands() {
  for (let index = 0; index < 400; index++)
    yield ['SET', `session:${index}`, `{"user":${index},"cart":[${index % 7},12]}`, 'EX', String(600 + index * 60)];
  for (let index = 0; index < 120; index++)
    yield ['HSET', `user:${index}`, 'name', `Name ${index}`, 'mail', `user${index}@example.com`];
  for (let index = 0; index < 12; index++)
    yield ['ZADD', 'leaderboard', String(1800 - index * 117.5), `player-${index}`];
  for (let index = 0; index < 30; index++) yield ['XADD', 'events', '*', 'type', 'login', 'user', String(index)];
  yield ['GEOADD', 'places', '-6.77', '62.01', 'Tórshavn', '-21.9', '64.14', 'Reykjavík', '10.75', '59.91', 'Oslo'];
  yield ['SET', 'config:features', '{"dark":true,"limits":[1,2,{"burst":null}]}'];
  yield ['SADD', 'tags', 'red', 'green', 'blue'];
}

/** Makes the first user on the page of a new admin, whose link for that is given, and fills its server. */
export async function openExample(page, setupUrl, password) {
  await page.goto(setupUrl);
  await page.getByLabel('Name').fill('ada');
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByLabel('Password again').fill(password);
  await page.getByRole('button', { name: 'Make the user' }).click();
  await page.getByRole('heading', { name: 'Servers' }).waitFor();
  await page.evaluate(
    async (commands) => {
      const { csrfToken } = await (await fetch('/api/session')).json();
      await fetch('/api/servers/given1/commands', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': csrfToken },
        body: JSON.stringify({ commands }),
      });
    },
    [...exampleCommands()],
  );
}
