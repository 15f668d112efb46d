import { render } from 'solid-js/web';
import { App } from './app.tsx';
import { Page } from './page/page.ts';

const page = new Page();
render(() => <App page={page} />, document.body);
page.start();
